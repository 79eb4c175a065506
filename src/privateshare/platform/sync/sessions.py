"""Reading sessions: created by an app, started by a consent or a trigger, and their status. Protocol 5, 6.1."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import InsufficientScope, InvalidContractDataRequest, InvalidSession, InvalidToken
from privateshare.platform.db.engine import AnyTransaction, statements_of
from privateshare.platform.db.statements import NoRows, Statement, StatementTransaction
from privateshare.platform.db.tables import (
    NO_LIBRARY_YET,
    AccountRow,
    ConsentRow,
    ContractRow,
    SessionRow,
    SyncRow,
)
from privateshare.platform.grants.tokens import check_live
from privateshare.platform.jobs.queue import defer_sync
from privateshare.platform.keys.secrets import hash_secret, new_secret
from privateshare.platform.keys.wrapping import derive_key, open_value, seal_value
from privateshare.platform.library.libraries import lock_library
from privateshare.platform.library.session_view import SessionView
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.outcomes import error_for_contract
from privateshare.platform.webhooks.messages import announce_ready
from privateshare.protocol.messages import (
    AccountError,
    AccountStatus,
    Criterion,
    ErrorSummary,
    SessionOptions,
    SessionState,
    Status,
)
from privateshare.protocol.messages import Session as SessionMessage
from privateshare.protocol.scope import ObjectKind, Reach, reach_of_contract, reach_of_scope

CRITERIA = "session criteria"


class SessionAccount(NamedTuple):
    """An account whose sync a session waits for."""

    account_id: UUID
    public_id: str
    service_group: int
    service_type: int
    outcome: str | None
    error: dict[str, Any] | None


class AccountToSync(NamedTuple):
    """An account that a consent covers. `has_source` is false if there is nothing to fetch for it."""

    library_id: UUID
    id: UUID
    public_id: str
    paused: bool
    has_source: bool


class _SyncId(NamedTuple):
    id: UUID


class ConsentBefore(NamedTuple):
    """A consent before it was used, and whether apps are told what happens under its contract."""

    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None
    once: bool
    has_webhooks: bool


SESSION_ACCOUNTS = Statement("session_accounts", SessionAccount)
INSERT_SESSION = Statement("insert_session", NoRows)
INSERT_SESSION_OF_CALLER = Statement("insert_session_of_caller", NoRows)
LOCK_CONSENT_OF_CALLER = Statement("lock_consent_of_caller", NoRows)
NOTE_USE_OF_CONSENT = Statement("note_use_of_consent", NoRows)
USE_CONSENT = Statement("use_consent", ConsentBefore)
ACCOUNTS_TO_SYNC = Statement("accounts_to_sync", AccountToSync)
INSERT_SYNC = Statement("insert_sync", _SyncId)
UNFINISHED_SYNC = Statement("unfinished_sync", _SyncId)
INSERT_SESSION_SYNC = Statement("insert_session_sync", NoRows)

# The status and message for each reason why a session ended before it started. The codes are those of protocol 8.3.
REASONS_OF_EARLY_END = {
    "USER_CANCEL": (HTTPStatus.FORBIDDEN, "The person declined"),
    "INVALID_CODE": (HTTPStatus.GONE, "Nobody finished on the pages in time"),
}


@dataclass(frozen=True, slots=True)
class NewSession:
    """A new session and its key. The platform stores only the key's hash, so the app must keep the key."""

    row: SessionRow
    key: str = field(repr=False)

    def to_message(self) -> SessionMessage:
        """Build the response for the app. Protocol 5.1."""
        return SessionMessage(key=self.key, expiry=int(self.row.expires_at.timestamp() * 1000))


async def new_session(
    db: AnyTransaction,
    platform: Platform,
    contract: ContractRow,
    options: SessionOptions,
    now: datetime,
    *,
    expires_at: datetime | None = None,
) -> NewSession:
    """Store a session that waits to be started. Raises ScopeOutOfBounds if it exceeds the contract."""
    session = make_session(contract, options, now, expires_at or now + platform.settings.session_lifetime)
    await _insert_session(await statements_of(db), session.row)
    return session


def make_session(contract: ContractRow, options: SessionOptions, now: datetime, expires_at: datetime) -> NewSession:
    """Make a session that is not stored yet. Raises ScopeOutOfBounds if it exceeds the contract."""
    check_scope(contract, options, now)
    key, id_ = new_secret(), uuid4()
    row = SessionRow(
        library_id=NO_LIBRARY_YET,
        id=id_,
        key_hash=hash_secret(key),
        contract_id=contract.id,
        options=_without_criteria(options),
        sealed_criteria=_seal_criteria(key, id_, options),
        created_at=now,
        expires_at=expires_at,
    )
    return NewSession(row, key)


async def _insert_session(sql: StatementTransaction, row: SessionRow) -> None:
    await sql.write(INSERT_SESSION, {**_columns(row), "contract_id": row.contract_id})


def _columns(row: SessionRow) -> dict[str, object]:
    return {
        "id": row.id,
        "key_hash": row.key_hash,
        "consent_id": row.consent_id,
        "library_id": row.library_id,
        "options": Jsonb(row.options.to_wire()),
        "sealed_criteria": row.sealed_criteria,
        "created_at": row.created_at,
        "started_at": row.started_at,
        "expires_at": row.expires_at,
    }


def session_criteria(session: SessionRow, key: str) -> list[Criterion]:
    """Decrypt the criteria by which a session selects pushed files. `key` is the session's key."""
    if session.sealed_criteria is None:
        return []
    opened = open_value(derive_key(key, CRITERIA), CRITERIA, session.id, session.sealed_criteria)
    return [Criterion.model_validate(criterion) for criterion in json.loads(opened)]


def _seal_criteria(key: str, session_id: UUID, options: SessionOptions) -> bytes | None:
    criteria = options.scope.criteria if options.scope else None
    if not criteria:
        return None
    encoded = json.dumps([criterion.to_wire() for criterion in criteria]).encode()  # orjson has no long numbers.
    return seal_value(derive_key(key, CRITERIA), CRITERIA, session_id, encoded)


def _without_criteria(options: SessionOptions) -> SessionOptions:
    if options.scope is None:
        return options
    return options.model_copy(update={"scope": options.scope.model_copy(update={"criteria": None})})


def check_scope(contract: ContractRow, options: SessionOptions, now: datetime) -> None:
    """Check that the session's scope lies within the contract. Raises ScopeOutOfBounds. Protocol 5.2."""
    reach_of_contract(contract.document, now).check_contains(reach_of_scope(options.scope, now))


def check_reading(contract: ContractRow) -> None:
    """Check that the contract allows reading. Raises InvalidContractDataRequest. Protocol 5.2."""
    if contract.kind == "write":
        raise InvalidContractDataRequest("A write contract cannot read")


async def start_session(
    db: AnyTransaction,
    platform: Platform,
    session: SessionRow,
    contract: ContractRow,
    consent: ConsentRow,
    now: datetime,
    *,
    previews: Mapping[UUID, UUID] | None = None,
) -> None:
    """Start a session under a consent: add one sync and one job for each account, in this transaction. Protocol 5.1.

    If an account's sync is in progress, the session joins it. An account with nothing to fetch needs no sync.
    `previews` are syncs by account that just fetched everything, so the session takes their results. A session that was
    only made is stored too. Raises what `use_consent` raises.
    """
    sql = await statements_of(db)
    before = await use_consent(sql, contract, consent, now)
    if isinstance(db, AsyncSession) and session in db:  # It waited for this consent, in no library. ADR 47.
        await db.delete(session)
        await db.flush()
    _place(session, consent, now)
    await _insert_session(sql, session)
    if _fetches(session, contract):
        await _add_syncs(sql, platform, session, previews or {})
    if before.has_webhooks:
        await sql.write_now()  # The next statement reads what was written.
        # A session that has nothing to wait for is ready at once; otherwise the end of its last sync tells the app.
        await announce_ready(sql, platform, consent.library_id, [session.id], now)


async def start_for_caller(
    sql: StatementTransaction,
    caller: Mapping[str, object],
    session: SessionRow,
    contract: ContractRow,
    consent: ConsentRow,
    now: datetime,
) -> bool:
    """Start a session that fetches nothing, with one statement at the end of the transaction. Return False if it must
    be started with `start_session`: it fetches something, or the consent allows one read only.

    `caller` are the versions of the caller's rows. If these have changed, or are being used, or apps are told what
    happens under the contract, the statement fails as a whole, since the session would have no contract.
    """
    if _fetches(session, contract) or contract.once or consent.once:
        return False
    _place(session, consent, now)
    await sql.write(LOCK_CONSENT_OF_CALLER, caller)
    await sql.write(NOTE_USE_OF_CONSENT, {"library_id": consent.library_id, "now": now})
    await sql.write(INSERT_SESSION_OF_CALLER, _columns(session))
    return True


def _place(session: SessionRow, consent: ConsentRow, now: datetime) -> None:
    """Put a session that starts under a consent into the library of that consent."""
    session.consent_id, session.library_id, session.started_at = consent.id, consent.library_id, now


def _fetches(session: SessionRow, contract: ContractRow) -> bool:
    """Return whether a session waits for new data of its accounts."""
    return session.options.source_fetch is not False and contract.kind == "read"


async def _add_syncs(
    sql: StatementTransaction, platform: Platform, session: SessionRow, previews: Mapping[UUID, UUID]
) -> None:
    """Add the syncs that a session waits for."""
    chosen = _chosen_accounts(session.options)
    for account in await sql.rows(
        ACCOUNTS_TO_SYNC, {"library_id": session.library_id, "consent_id": session.consent_id}
    ):
        if account.paused or (chosen is not None and account.public_id not in chosen):
            continue
        sync_id = previews.get(account.id)
        if sync_id is None and not account.has_source:
            continue  # Its archives are in the library already, so there is nothing to fetch.
        if sync_id is None:
            sync_id = await join_or_start_sync(sql, platform, account)
        waited = {"session_id": session.id, "sync_id": sync_id, "library_id": account.library_id}
        await sql.write(INSERT_SESSION_SYNC, waited)


async def end_session(db: AsyncSession, session_id: UUID | None, reason: str) -> None:
    """End a session whose consent was declined or never given. `reason` is an error code of protocol 8.3."""
    if session_id is not None:
        waits = update(SessionRow).where(SessionRow.library_id == NO_LIBRARY_YET, SessionRow.id == session_id)
        await db.execute(waits.values(ended_by=reason))


async def use_consent(db: AnyTransaction, contract: ContractRow, consent: ConsentRow, now: datetime) -> ConsentBefore:
    """Lock a consent until the transaction ends, so that nobody withdraws, erases or uses it, and mark it as used.

    Returns it as it was before.

    Raises:
        InsufficientScope: The consent allows one read only, and was used already.
        InvalidToken: The consent ended meanwhile.
        LibraryGone: The library was erased.
    """
    sql = await statements_of(db)
    before = await sql.first(USE_CONSENT, {"library_id": consent.library_id, "consent_id": consent.id, "now": now})
    if before is None:
        await lock_library(sql, consent.library_id)  # This fails if the library is gone, and not only the consent.
        raise InvalidToken("The token (access_token) is invalid")
    check_live(before, now, "access_token")
    if (contract.once or before.once) and before.used_at is not None:
        raise InsufficientScope("This consent allows one read only, and it was used already")
    return before


def _chosen_accounts(options: SessionOptions) -> list[str] | None:
    accounts = options.source_fetch_filter.account if options.source_fetch_filter else None
    return accounts.id if accounts else None


async def join_or_start_sync(db: AnyTransaction, platform: Platform, account: AccountRow | AccountToSync) -> UUID:
    """Start a sync of an account, with its job, or find the one in progress; return its id."""
    sql, of_account = await statements_of(db), {"library_id": account.library_id, "account_id": account.id}
    while True:
        started = await sql.first(INSERT_SYNC, of_account | {"id": uuid4()})
        if started is not None:
            await defer_sync(sql, platform.queue, account.library_id, started.id, account.id)
            return started.id
        running = await sql.first(UNFINISHED_SYNC, of_account)
        if running is not None:
            return running.id
        # The other sync finished between the two statements.


async def sync_for_person(db: AsyncSession, platform: Platform, account: AccountRow) -> None:
    """Start a sync that the person asked for. If one is in progress, it runs on even if no session waits for it.

    A sync that its worker has locked is not marked, because the worker may be waiting for the account, which is locked
    here: each would wait for the other. Such a sync is about to look for new files, or to end.
    """
    await lock_library(db, account.library_id)
    sync_id = await join_or_start_sync(db, platform, account)
    this = (SyncRow.library_id == account.library_id, SyncRow.id == sync_id)
    unmarked = select(SyncRow.id).where(*this, SyncRow.by_person.is_(False))
    if await db.scalar(unmarked.with_for_update(key_share=True, skip_locked=True)) is not None:
        await db.execute(update(SyncRow).where(*this).values(by_person=True))


def check_session(session: SessionRow | None, contract_id: str, consent_id: UUID | None, now: datetime) -> SessionRow:
    """Check that the caller may use a session. Protocol 5.3.

    A session without a consent may be used by every caller of its contract. Raises InvalidSession, with the same text
    for sessions that are unknown, expired or of another caller, so that nobody can find out which it is.
    """
    live = session is not None and session.expires_at > now and session.contract_id == contract_id
    if session is None or not live or session.consent_id not in (None, consent_id):
        raise InvalidSession("The session is invalid")
    return session


async def session_status(
    session: SessionRow, view: SessionView | None, now: datetime, accounts: Iterable[SessionAccount] | None = None
) -> Status:
    """Compute a session's status from the status of its accounts. Protocol 6.1.

    `view` is None before a consent. `accounts` are those that the session waits for, if they were read.
    """
    if session.ended_by is not None:
        return Status(state=SessionState.PARTIAL, details={}, error=_reason(session.ended_by))
    if session.started_at is None or view is None:
        return Status(state=SessionState.PENDING)
    deadline = fetch_deadline(session)
    out_of_time = deadline is not None and now >= deadline
    documents = (view.contract.document, view.consent.document)
    reaches = [reach_of_contract(document, session.created_at) for document in documents]
    details = {}
    if accounts is None:
        of_session = {"session_id": session.id, "library_id": session.library_id}
        accounts = await view.platform.database.rows(SESSION_ACCOUNTS, of_session)
    for sync in accounts:
        allowed = partial(view.consent.choice.allows, sync.account_id)
        may_see = partial(_may_see, reaches, allowed, sync.service_group, sync.service_type)
        details[sync.public_id] = _account_status(sync.outcome, error_for_contract(sync.error, may_see), out_of_time)
    return Status(state=_state_of({status.state for status in details.values()}), details=details)


def _reason(code: str) -> ErrorSummary:
    status, message = REASONS_OF_EARLY_END.get(code, (HTTPStatus.INTERNAL_SERVER_ERROR, "Connecting a source failed"))
    return ErrorSummary(code=code, status_code=status, message=message)


def _state_of(states: set[SessionState]) -> SessionState:
    for state in (SessionState.RUNNING, SessionState.PARTIAL):
        if state in states:
            return state
    return SessionState.COMPLETED


def _account_status(outcome: str | None, error: dict[str, object] | None, out_of_time: bool) -> AccountStatus:
    if outcome is None and out_of_time:
        quota = AccountError(
            code="SourceFetchDurationQuotaReached",
            status_code=408,
            message="The session's time limit for fetching has passed",
        )
        return AccountStatus(state=SessionState.PARTIAL, error=quota)
    if outcome is None:
        return AccountStatus(state=SessionState.RUNNING)
    if error is not None:
        return AccountStatus(state=SessionState.PARTIAL, error=AccountError.model_validate(error))
    return AccountStatus(state=SessionState.COMPLETED)


def _may_see(
    reaches: Sequence[Reach], shared: Callable[[int], bool], service_group: int, service_type: int, object_type: int
) -> bool:
    kind = ObjectKind(service_group, service_type, object_type)
    return shared(object_type) and all(reach.allows_kind(kind) for reach in reaches)


def fetch_deadline(session: SessionRow) -> datetime | None:
    """Return when a session stops waiting for its sources, if the app limited that. Protocol 5.1."""
    options = session.options
    duration = options.limits.duration if options.limits else None
    if duration is None or not duration.source_fetch or session.started_at is None:
        return None
    lifetime = session.expires_at - session.started_at
    return session.started_at + timedelta(seconds=min(duration.source_fetch, lifetime.total_seconds()))
