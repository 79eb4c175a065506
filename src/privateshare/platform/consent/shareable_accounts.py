"""The accounts that a person may share with a contract, and what it would get of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.consent.connections import connected_here
from privateshare.platform.consent.marks import draw_mark
from privateshare.platform.consent.source_choice import asks_for_sources, contract_reach, shared_kinds
from privateshare.platform.consent.translation import Translator
from privateshare.platform.consent.visit import Visit
from privateshare.platform.db.tables import AccountRow, ContractRow
from privateshare.platform.grants.consents import accounts_shared_before
from privateshare.platform.library.account_identities import account_owner_name
from privateshare.platform.library.accounts import library_accounts
from privateshare.platform.library.libraries import OpenLibrary, open_library
from privateshare.platform.runtime import Platform
from privateshare.protocol.contract_document import ContractDocument
from privateshare.protocol.scope import Reach
from privateshare.sources.registry import Sources


@dataclass(frozen=True, slots=True)
class Asking:
    """A contract that asks for data of a library. `reaches` limit what it may ask for.

    `agreed` is the version of the contract to which the person agreed, where only that is shown to them.
    """

    platform: Platform
    db: AsyncSession
    words: Translator
    contract: ContractRow
    library: OpenLibrary
    now: datetime
    reaches: tuple[Reach, ...]
    agreed: ContractDocument | None = None

    @property
    def document(self) -> ContractDocument:
        """The version of the contract that the person has in front of them."""
        return self.agreed or self.contract.document


@dataclass(frozen=True, slots=True)
class ShareableAccount:
    """An account on the consent page.

    Attributes:
        account: The account.
        source: The name of its source.
        mark: The mark of its source.
        owner: Whose account it is.
        kinds: The kinds that the app asks for; none if it would write there.
        sample: Whether it has sample data.
        ticked: Whether it is shared unless the person chooses otherwise.
    """

    account: AccountRow
    source: str
    mark: Markup
    owner: str
    kinds: Sequence[int]
    sample: bool
    ticked: bool


async def shareable_accounts(visit: Visit) -> list[ShareableAccount]:
    """List the accounts that have data for the contract, or accept what it sends, oldest first."""
    if visit.journey.library_id is None or visit.contract.kind == "read-raw":
        return []
    accounts = await visible_accounts(visit)
    asking = await asking_of(visit)
    ticked = await _ticked(visit)
    usable = {account.id for account in accounts if _may_be_written_to(visit, account, ticked)}
    return list_shareable(asking, accounts, ticked, usable)


async def asking_of(visit: Visit) -> Asking:
    """Describe what this journey's contract asks of its library, which must exist."""
    assert visit.journey.library_id is not None
    library = await open_library(visit.db, visit.platform, visit.journey.library_id)
    reaches = (contract_reach(visit.contract, visit.now),)
    return Asking(visit.platform, visit.db, visit.words, visit.contract, library, visit.now, reaches)


def list_shareable(
    asking: Asking, accounts: Sequence[AccountRow], ticked: set[UUID], usable_to_write: set[UUID]
) -> list[ShareableAccount]:
    """List those of these accounts that have data for the contract, or accept what it sends."""
    found = []
    for account in accounts:
        source = asking.platform.sources.connectable.get(account.source_id)  # None if the operator removed it.
        if source is None:
            continue
        reads = asking.contract.kind == "read"
        kinds = [kind for kind in shared_kinds(asking.reaches[0], source.info) if reads]
        for reach in asking.reaches[1:]:
            allowed = set(shared_kinds(reach, source.info))
            kinds = [kind for kind in kinds if kind in allowed]
        if not kinds and not (source.info.takes and account.id in usable_to_write):
            continue
        found.append(
            ShareableAccount(
                account,
                name := asking.words.source(account.source_id),
                draw_mark(name, source.info.brand),
                owner_of(asking.platform.sources, asking.words, account, asking.library),
                kinds,
                account.sample is not None,
                account.id in ticked,
            )
        )
    return found


async def visible_accounts(visit: Visit) -> list[AccountRow]:
    """List the accounts that the person on this journey may be shown, oldest first.

    Before a person proves who they are, these are only the accounts that they connected on this journey. Accounts that
    somebody else connected without proof are never among them.
    """
    if visit.journey.library_id is None:
        return []
    accounts = await library_accounts(visit.db, visit.journey.library_id)
    own: set[UUID | None] = {visit.journey.id, None} if visit.proven else {visit.journey.id}
    return [account for account in accounts if account.unproven_on in own]


def _may_be_written_to(visit: Visit, account: AccountRow, shared: set[UUID]) -> bool:
    """Tell whether a write contract may use this account: the link asks for sources, or it was shared before."""
    asked = asks_for_sources(visit)
    return visit.contract.kind == "write" and (asked or account.id in shared)


def owner_of(sources: Sources, words: Translator, account: AccountRow, library: OpenLibrary) -> str:
    """Return whose account it is, or which sample data set."""
    if account.sample is not None:
        return sample_name(sources, words, account)
    return account_owner_name(account, library)


def sample_name(sources: Sources, words: Translator, account: AccountRow) -> str:
    """Return the name of an account's sample data set."""
    source = sources.connectable.get(account.source_id)
    sample_id = account.sample or ""
    return words.say(source.info.sample_name(sample_id) if source else sample_id)


async def _ticked(visit: Visit) -> set[UUID]:
    """Find which accounts are ticked at first: those that the partner's apps see already, and those connected now.

    An account that the person left out last time stays unticked. So does one that they connected for another app.
    """
    if not visit.proven or visit.journey.library_id is None:
        return connected_here(visit)
    shared = await accounts_shared_before(visit.db, visit.contract, visit.journey.library_id, visit.now)
    return set(shared) | connected_here(visit)
