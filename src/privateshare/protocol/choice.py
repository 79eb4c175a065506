"""The choice of a person: what they share of what a contract asks for. Protocol 8.7.

It is stored with the consent, and limits every session beside the contract and the session's own scope.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from privateshare.protocol.scope import MILLISECONDS, Reach
from privateshare.protocol.window import Window


class _Stored(BaseModel):
    """A part of a choice. An unknown field is refused, because it could be a limit that this version does not know."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")


class AccountChoice(_Stored):
    """What a person shares of one account.

    Attributes:
        kinds: The object types that they share.
        declined: The object types that they were offered and do not share.
        later: Whether object types that they were not offered are shared as soon as the account has them.
    """

    kinds: tuple[int, ...] = ()
    declined: tuple[int, ...] = ()
    later: bool = False

    def allows(self, object_type: int) -> bool:
        """Return whether objects of this type are shared."""
        return object_type in self.kinds or (self.later and object_type not in self.declined)

    def covers(self, other: "AccountChoice") -> bool:
        """Return whether this shares everything that `other` shares."""
        shares_named = all(self.allows(kind) for kind in other.kinds)
        if not other.later:
            return shares_named
        return shares_named and self.later and set(self.declined) <= set(other.declined)

    def with_kinds(self, kinds: Iterable[int]) -> "AccountChoice":
        """Return this choice with more object types, except those that the person declined."""
        more = (kind for kind in kinds if kind not in self.declined)
        return self.model_copy(update={"kinds": tuple(dict.fromkeys((*self.kinds, *more)))})


class Choice(_Stored):
    """What a person shares with one consent.

    Attributes:
        accounts: What they share of each account. None if nobody was asked to choose, so that everything that the
            contract asks for is shared.
        since: The date from which on they share, in seconds since the epoch; None for all dates.
    """

    accounts: Mapping[UUID, AccountChoice] | None = None
    since: int | None = None

    def allows(self, account_id: UUID, object_type: int) -> bool:
        """Return whether objects of this type of this account are shared."""
        if self.accounts is None:
            return True
        account = self.accounts.get(account_id)
        return account is not None and account.allows(object_type)

    @property
    def reach(self) -> Reach:
        """The times that are shared. An object without a date always is, as with every limit (protocol 5.2)."""
        if self.since is None:
            return Reach()
        return Reach(windows=(Window(self.since * MILLISECONDS, None),))

    @property
    def since_date(self) -> datetime | None:
        """The date from which on the person shares."""
        return None if self.since is None else datetime.fromtimestamp(self.since, UTC)

    def covers(self, other: "Choice", account_ids: Iterable[UUID]) -> bool:
        """Return whether this shares everything of these accounts that `other` shares."""
        if self.since is not None and (other.since is None or other.since < self.since):
            return False
        return all(self._covers_account(other, account_id) for account_id in account_ids)

    def _covers_account(self, other: "Choice", account_id: UUID) -> bool:
        if self.accounts is None:
            return True
        mine = self.accounts.get(account_id)
        if mine is None or other.accounts is None:
            return False
        theirs = other.accounts.get(account_id)
        return theirs is None or mine.covers(theirs)

    def with_account(self, account_id: UUID, kinds: Iterable[int]) -> "Choice":
        """Return this choice with these object types of an account; what was declined of it stays declined."""
        if self.accounts is None:
            return self
        account = self.accounts.get(account_id, AccountChoice()).with_kinds(kinds)
        return self.model_copy(update={"accounts": {**self.accounts, account_id: account}})

    def with_accounts_renamed(self, names: Mapping[UUID, UUID]) -> "Choice":
        """Return this choice with other ids of accounts; what is shared of each stays the same."""
        if self.accounts is None:
            return self
        return self.model_copy(
            update={"accounts": {names.get(id_, id_): chosen for id_, chosen in self.accounts.items()}}
        )

    def to_json(self) -> dict[str, Any]:
        """Convert to a JSON object; `from_json` reads it back."""
        return self.model_dump(mode="json", exclude_none=True)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Read what `to_json` wrote. Raises ValueError for anything else: then nothing may be shared."""
        return cls.model_validate(value)


EVERYTHING = Choice()
"""The choice of a consent for which nobody was asked to choose, such as one for sample data alone."""
