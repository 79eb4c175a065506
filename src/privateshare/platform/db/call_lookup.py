"""Finding the rows that decide whether a call is allowed, with one small statement.

Most of them did not change since the last call. Loading them each time, with their documents parsed, would cost more
than all else that a call does.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.engine import Database, statements_of
from privateshare.platform.db.former_libraries import FORMER_LIBRARY
from privateshare.platform.db.statements import CallerWith, Statement, StatementTransaction
from privateshare.platform.db.tables import NO_LIBRARY_YET, Base, ContractRow, SessionRow, TokenRow

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
    consent_id: UUID | None
    library_id: UUID | None
    session_id: UUID | None


CALLER = Statement("caller", FoundNow)
NOTHING = FoundNow(None, None, None, None, (), False, None, None, None)


@dataclass(frozen=True, slots=True)
class AlsoRead:
    """What a call also reads, in the same statement. Its caller may turn out not to be allowed to."""

    statement: Statement[Any]
    parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallNames:
    """What a call names: a contract, an access token and its library, a session by its key, and a nonce.

    Of the token and the key these are hashes. `library_id` is None if this platform made no such token.
    """

    contract_id: str
    library_id: UUID | None = None
    token_hash: bytes | None = None
    session_hash: bytes | None = None
    nonce: str | None = None

    def parameters(self) -> dict[str, object]:
        """Return the parameters of the statement that finds the rows."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class CallRows:
    """The rows of a call; the token comes with its consent. They belong to no database session: do not change them.

    `wrapped_key` is that of the consent's library, and `account_ids` are the accounts in it.
    `is_repeated` is true if the nonce was used before. `also` are the rows of what was also read.
    The versions are those of the contract, and of the token with its consent.
    """

    contract: ContractRow | None
    token: TokenRow | None
    session: SessionRow | None
    wrapped_key: bytes | None = field(default=None, repr=False)
    account_ids: Sequence[UUID] = ()
    is_repeated: bool = False
    also: Sequence[Any] = field(default=(), repr=False)
    contract_version: str | None = None
    token_version: str | None = None


class CallLookup:
    """Finds the rows of calls, and keeps them until the database has other versions of them.

    The version of a row is its `xmin`: the transaction that wrote it. It is looked up for each call, so that a change,
    such as a withdrawal, works at once.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: OrderedDict[Hashable, tuple[str, Base]] = OrderedDict()  # The most recently used row comes last.

    async def find(
        self, names: CallNames, sql: StatementTransaction | None = None, also: AlsoRead | None = None
    ) -> CallRows:
        """Find the rows of a call, in a transaction if there is one already.

        The contract may have ended; token and session are of this contract.
        """
        names, now, others = await _found_now(names, also, sql or self._database)
        found, is_complete = self._kept(names, now, others)
        if is_complete:
            return found
        async with self._database.snapshot() as db:
            names, now, others = await _found_now(names, also, await statements_of(db))
            await self._load(db, names, now)
            return self._kept(names, now, others)[0]

    def _kept(self, names: CallNames, now: FoundNow, others: Sequence[Any]) -> tuple[CallRows, bool]:
        """Return the kept rows of these versions, and whether none is missing."""
        contract = self._get(ContractRow, names.contract_id, now.contract)
        token = self._get(TokenRow, names.token_hash, now.token)
        session = self._get(SessionRow, names.session_hash, now.session)
        pairs = ((contract, now.contract), (token, now.token), (session, now.session))
        is_complete = all((row is None) == (version is None) for row, version in pairs)
        keys, versions = (now.wrapped_key, now.account_ids), (now.contract, now.token)
        return CallRows(contract, token, session, *keys, now.is_repeated, others, *versions), is_complete

    def _get(self, table: type[RowT], key: Hashable, version: str | None) -> RowT | None:
        kept = self._rows.get((table, key))
        if kept is None or version is None or kept[0] != version:
            return None
        assert isinstance(kept[1], table)
        self._rows.move_to_end((table, key))
        return kept[1]

    async def _load(self, db: AsyncSession, names: CallNames, now: FoundNow) -> None:
        of_token = (TokenRow.library_id == names.library_id) & (TokenRow.token_hash == names.token_hash)
        places = (names.library_id, NO_LIBRARY_YET)
        of_key = SessionRow.library_id.in_(places) & (SessionRow.key_hash == names.session_hash)
        queries: Iterable[tuple[type[Base], Hashable, ColumnElement[bool]]] = (
            (ContractRow, names.contract_id, ContractRow.id == names.contract_id),
            (TokenRow, names.token_hash, of_token),
            (SessionRow, names.session_hash, of_key),
        )
        for (table, key, which), version in zip(queries, (now.contract, now.token, now.session), strict=True):
            if version is not None and self._get(table, key, version) is None:
                self._rows[table, key] = version, (await db.scalars(select(table).where(which))).one()
                self._rows.move_to_end((table, key))
        while len(self._rows) > MAX_ROWS:
            self._rows.popitem(last=False)


async def _found_now(
    names: CallNames, also: AlsoRead | None, runner: Database | StatementTransaction
) -> tuple[CallNames, FoundNow, Sequence[Any]]:
    """Find the current versions of the rows of a call, what is also read, and the library in which the token is now.

    Only a token that is not found costs a second statement: its library may have been moved into another one.
    """
    now, others = await _run(names, also, runner)
    if names.token_hash is not None and now.token is None:
        moved = await runner.rows(FORMER_LIBRARY, {"id": names.library_id})
        if moved:
            names = replace(names, library_id=moved[0].library_id)
            now, others = await _run(names, also, runner)
    return names, now, others


async def _run(
    names: CallNames, also: AlsoRead | None, runner: Database | StatementTransaction
) -> tuple[FoundNow, Sequence[Any]]:
    if also is None:
        rows = await runner.rows(CALLER, names.parameters())
        return rows[0] if rows else NOTHING, ()
    pairs = await runner.rows(CallerWith(CALLER, also.statement), {**names.parameters(), **also.parameters})
    return pairs[0][0] if pairs else NOTHING, [other for _, other in pairs if other is not None]
