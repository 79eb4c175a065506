"""Finding the rows that decide whether a call is allowed, with one small statement.

Most of them did not change since the last call. Loading them each time, with their documents parsed, would cost more
than all else that a call does.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from cachetools import LRUCache
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.engine import Database, rows_in
from privateshare.platform.db.statements import Statement
from privateshare.platform.db.tables import Base, ContractRow, SessionRow, TokenRow

MAX_ROWS = 20_000

RowT = TypeVar("RowT", bound=Base)


class Versions(NamedTuple):
    """The current versions of the rows of a call; None where there is no such row."""

    contract: str | None
    token: str | None
    session: str | None


CALLER = Statement("caller", Versions)
NO_ROWS = Versions(None, None, None)


@dataclass(frozen=True, slots=True)
class CallNames:
    """The id of the contract that a call names, and the hashes of the access token and of the session's key."""

    contract_id: str
    token_hash: bytes | None = None
    session_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class CallRows:
    """The rows of a call; the token comes with its consent. They belong to no database session: do not change them."""

    contract: ContractRow | None
    token: TokenRow | None
    session: SessionRow | None


class CallLookup:
    """Finds the rows of calls, and keeps them until the database has other versions of them.

    The version of a row is its `xmin`: the transaction that wrote it. It is looked up for each call, so that a change,
    such as a withdrawal, works at once.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: LRUCache[Hashable, tuple[str, Base]] = LRUCache(MAX_ROWS)

    async def find(self, names: CallNames) -> CallRows:
        """Find the rows of a call. The contract may have ended; token and session are of this contract."""
        parameters = {
            "contract_id": names.contract_id,
            "token_hash": names.token_hash,
            "session_hash": names.session_hash,
        }
        found = await self._database.rows(CALLER, parameters)
        rows, is_complete = self._kept(names, found[0] if found else NO_ROWS)
        if is_complete:
            return rows
        async with self._database.snapshot() as db:
            found = await rows_in(db, CALLER, parameters)
            versions = found[0] if found else NO_ROWS
            await self._load(db, names, versions)
            return self._kept(names, versions)[0]

    def _kept(self, names: CallNames, versions: Versions) -> tuple[CallRows, bool]:
        """Return the kept rows of these versions, and whether none is missing."""
        rows = (
            self._get(ContractRow, names.contract_id, versions.contract),
            self._get(TokenRow, names.token_hash, versions.token),
            self._get(SessionRow, names.session_hash, versions.session),
        )
        is_complete = all((row is None) == (version is None) for row, version in zip(rows, versions, strict=True))
        return CallRows(*rows), is_complete

    def _get(self, table: type[RowT], key: Hashable, version: str | None) -> RowT | None:
        kept = self._rows.get((table, key))
        if kept is None or version is None or kept[0] != version:
            return None
        assert isinstance(kept[1], table)
        return kept[1]

    async def _load(self, db: AsyncSession, names: CallNames, versions: Versions) -> None:
        queries = (
            (ContractRow, names.contract_id, ContractRow.id),
            (TokenRow, names.token_hash, TokenRow.token_hash),
            (SessionRow, names.session_hash, SessionRow.key_hash),
        )
        for (table, key, column), version in zip(queries, versions, strict=True):
            if version is not None:
                self._rows[table, key] = version, (await db.scalars(select(table).where(column == key))).one()
