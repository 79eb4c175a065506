"""Finding the rows that decide whether a call is allowed, with one small statement.

Most of them did not change since the last call. Loading them each time, with their documents parsed, would cost more
than all else that a call does.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar
from uuid import UUID

from cachetools import LRUCache
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.engine import Database, statements_of
from privateshare.platform.db.statements import Statement, StatementTransaction
from privateshare.platform.db.tables import Base, ContractRow, SessionRow, TokenRow

MAX_ROWS = 20_000

RowT = TypeVar("RowT", bound=Base)


class FoundNow(NamedTuple):
    """The current versions of the rows of a call, and the keys of its library; None where there is no such row."""

    contract: str | None
    token: str | None
    session: str | None
    wrapped_key: bytes | None
    account_ids: Sequence[UUID]
    is_repeated: bool


CALLER = Statement("caller", FoundNow)
NOTHING = FoundNow(None, None, None, None, (), is_repeated=False)


@dataclass(frozen=True, slots=True)
class CallNames:
    """The id of the contract that a call names, the hashes of the access token and the session's key, and its nonce."""

    contract_id: str
    token_hash: bytes | None = None
    session_hash: bytes | None = None
    nonce: str | None = None


@dataclass(frozen=True, slots=True)
class CallRows:
    """The rows of a call; the token comes with its consent. They belong to no database session: do not change them.

    `wrapped_key` is that of the consent's library, and `account_ids` are the accounts in it.
    `is_repeated` is true if the nonce was used before.
    """

    contract: ContractRow | None
    token: TokenRow | None
    session: SessionRow | None
    wrapped_key: bytes | None = field(default=None, repr=False)
    account_ids: Sequence[UUID] = ()
    is_repeated: bool = False


class CallLookup:
    """Finds the rows of calls, and keeps them until the database has other versions of them.

    The version of a row is its `xmin`: the transaction that wrote it. It is looked up for each call, so that a change,
    such as a withdrawal, works at once.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: LRUCache[Hashable, tuple[str, Base]] = LRUCache(MAX_ROWS)

    async def find(self, names: CallNames, sql: StatementTransaction | None = None) -> CallRows:
        """Find the rows of a call, in a transaction if there is one already.

        The contract may have ended; token and session are of this contract.
        """
        parameters = {
            "contract_id": names.contract_id,
            "token_hash": names.token_hash,
            "session_hash": names.session_hash,
            "nonce": names.nonce,
        }
        rows = await (sql or self._database).rows(CALLER, parameters)
        found, is_complete = self._kept(names, rows[0] if rows else NOTHING)
        if is_complete:
            return found
        async with self._database.snapshot() as db:
            rows = await (await statements_of(db)).rows(CALLER, parameters)
            now = rows[0] if rows else NOTHING
            await self._load(db, names, now)
            return self._kept(names, now)[0]

    def _kept(self, names: CallNames, now: FoundNow) -> tuple[CallRows, bool]:
        """Return the kept rows of these versions, and whether none is missing."""
        contract = self._get(ContractRow, names.contract_id, now.contract)
        token = self._get(TokenRow, names.token_hash, now.token)
        session = self._get(SessionRow, names.session_hash, now.session)
        pairs = ((contract, now.contract), (token, now.token), (session, now.session))
        is_complete = all((row is None) == (version is None) for row, version in pairs)
        return CallRows(contract, token, session, now.wrapped_key, now.account_ids, now.is_repeated), is_complete

    def _get(self, table: type[RowT], key: Hashable, version: str | None) -> RowT | None:
        kept = self._rows.get((table, key))
        if kept is None or version is None or kept[0] != version:
            return None
        assert isinstance(kept[1], table)
        return kept[1]

    async def _load(self, db: AsyncSession, names: CallNames, now: FoundNow) -> None:
        queries = (
            (ContractRow, names.contract_id, ContractRow.id),
            (TokenRow, names.token_hash, TokenRow.token_hash),
            (SessionRow, names.session_hash, SessionRow.key_hash),
        )
        for (table, key, column), version in zip(queries, (now.contract, now.token, now.session), strict=True):
            if version is not None and self._get(table, key, version) is None:
                self._rows[table, key] = version, (await db.scalars(select(table).where(column == key))).one()
