"""The accounts that a person has already, as far as an export that they upload could belong to one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from privateshare.platform.db.tables import AccountRow
from privateshare.platform.library.account_identities import account_identity, is_same_owner
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.sources.contract import Identity


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """An account that the person has here already."""

    id: UUID
    source_id: int
    identity: Identity
    connected: datetime


@dataclass(frozen=True, slots=True)
class KnownAccounts:
    """The accounts that the person has here already.

    Attributes:
        readable: The accounts to which an export can be added.
        unreadable: The sources of the accounts whose key is lost. An export of one of them begins a new account.
        expected: The account that is connected again, and of which all exports must be; None if there is none.
    """

    readable: Sequence[KnownAccount] = ()
    unreadable: Sequence[int] = ()
    expected: KnownAccount | None = None

    def of_source(self, source_id: int | None) -> Sequence[KnownAccount]:
        """Return the readable accounts of a source."""
        return [account for account in self.readable if account.source_id == source_id]

    def account_of(self, source_id: int | None, identity: Identity) -> UUID | None:
        """Return the account that an export is certainly added to; None if that is not known, or a new one."""
        if self.expected is not None:
            return self.expected.id
        same = [one.id for one in self.of_source(source_id) if is_same_owner(one.identity, identity)]
        return same[0] if len(same) == 1 else None

    def may_belong_here(self, source_id: int | None, identity: Identity) -> bool:
        """Return whether an export with this identity may be added here."""
        if self.expected is None:
            return True
        known = self.expected.identity
        is_same = known.provider_account_id == identity.provider_account_id
        return self.expected.source_id == source_id and (is_same or not (known.named and identity.named))


def known_accounts(library: OpenLibrary, accounts: Sequence[AccountRow], expected: UUID | None = None) -> KnownAccounts:
    """Return those of the accounts that an export could belong to.

    Args:
        library: The library of the accounts.
        accounts: The accounts.
        expected: The account that is connected again, if it is one of them.
    """
    own = [row for row in accounts if row.sample is None]
    lost = {row.source_id for row in own if row.id in library.lost_accounts}
    known = [
        KnownAccount(row.id, row.source_id, account_identity(row, library), row.created_at)
        for row in own
        if row.id not in library.lost_accounts
    ]
    return KnownAccounts(known, sorted(lost), next((one for one in known if one.id == expected), None))
