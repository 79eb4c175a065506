"""OAuth tokens of the sources that a person signed in to: encrypted at rest, refreshed before they expire, revoked."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from uuid import UUID

import orjson
import structlog
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import AccountRow
from privateshare.platform.library.libraries import (
    KeyLost,
    KeyNotOpened,
    LibraryGone,
    OpenLibrary,
    lock_library,
    open_library,
)
from privateshare.platform.library.server_clients import forget_client
from privateshare.platform.library.source_calls import call_source
from privateshare.platform.runtime import Platform
from privateshare.sources import oauth
from privateshare.sources.contract import (
    ClientForgotten,
    JsonObject,
    NeedsLogin,
    RevokingSource,
    SignInSource,
    Source,
    SourceFailure,
    TryLater,
)
from privateshare.sources.registry import Sources

PURPOSE = "credentials"
NOT_GRANTED = "not_granted"  # Where a stored token has the object types that it does not allow to read.
MAX_WAIT_FOR_REFRESH_SECONDS = 20
REFRESH_BEFORE_EXPIRY_SECONDS = 120

log = structlog.get_logger()
# The event loop holds only weak references to tasks, so they are kept here until they end.
_revocations: set[asyncio.Task[None]] = set()


def seal_token(library: OpenLibrary, account_id: UUID, token: JsonObject) -> bytes:
    """Encrypt a source's token, to be stored with its account."""
    return library.account(account_id).seal(PURPOSE, account_id, orjson.dumps(token))


def open_token(library: OpenLibrary, account_id: UUID, sealed: bytes) -> JsonObject:
    """Decrypt the token that `seal_token` encrypted for this account. Raises SealBroken."""
    token: JsonObject = orjson.loads(library.account(account_id).open(PURPOSE, account_id, sealed))
    return token


def not_granted_types(library: OpenLibrary, account: AccountRow) -> Collection[int]:
    """Return the object types that the person did not allow to read when they signed in."""
    if account.sealed_credentials is None:
        return ()
    try:
        return set(open_token(library, account.id, account.sealed_credentials).get(NOT_GRANTED, ()))
    except (KeyLost, SealBroken):
        return ()


async def fresh_token(
    platform: Platform, library: OpenLibrary, account_id: UUID, refused: JsonObject | None = None
) -> JsonObject:
    """Return an account's token without the refresh token, refreshed if necessary.

    Few refreshes run at the same time for each source, so that a slow source cannot hold all database connections.

    Args:
        platform: The platform.
        library: The person's library.
        account_id: The account.
        refused: The token that the source has just refused, if any. It is refreshed even if it has not expired.

    Raises:
        NeedsLogin: Nobody is signed in, or the source no longer accepts the refresh token.
        TryLater: The source is not available, or too many refreshes are waiting for it.
        Broken: The source's response is not a token response.
        LibraryGone: The library was erased.
    """
    async with platform.database.transaction() as db:
        await lock_library(db, library.id)
        account, token = await _signed_in_account(db, library, account_id)
    if not _must_refresh(token, refused):
        return without_refresh_token(token)
    place = platform.token_refreshes[account.source_id]
    try:
        async with asyncio.timeout(MAX_WAIT_FOR_REFRESH_SECONDS):
            await place.acquire()
    except TimeoutError as error:
        raise TryLater("The source is slow to issue tokens") from error
    try:
        return await _refresh_token(platform, library, account_id, refused)
    finally:
        place.release()


async def _refresh_token(
    platform: Platform, library: OpenLibrary, account_id: UUID, refused: JsonObject | None
) -> JsonObject:
    """Refresh an account's token and store it.

    The account is locked meanwhile. A rotating refresh token works only once, so only one process may use it, and the
    others wait and get the new token. A process that dies between the source's response and the commit loses the new
    token, and the person must sign in again. Raises what `fresh_token` raises.
    """
    async with platform.database.transaction() as db:
        await lock_library(db, library.id)
        account, token = await _signed_in_account(db, library, account_id, lock=True)
        failure = None
        if _must_refresh(token, refused):
            try:
                token = await call_source(_request_refresh, platform.sources, account.source_id, token)
                account.sealed_credentials = seal_token(library, account_id, token)
            except NeedsLogin as error:
                account.needs_login, failure = True, error
            except ClientForgotten as error:
                source = platform.sources.connectable.get(account.source_id)
                if source is None or not await forget_client(db, source, token):
                    raise
                # The refresh token belongs to the old registration, so the person must sign in with a new one.
                account.needs_login, failure = True, NeedsLogin("the server has forgotten the platform")
                failure.__cause__ = error
    if failure is not None:
        raise failure
    return without_refresh_token(token)


async def _signed_in_account(
    db: AsyncSession, library: OpenLibrary, account_id: UUID, *, lock: bool = False
) -> tuple[AccountRow, JsonObject]:
    """Return an account and its token. Raises NeedsLogin if nobody is signed in, or the account is gone."""
    locked = {"key_share": True} if lock else None
    account = await db.get(AccountRow, (library.id, account_id), with_for_update=locked)
    if account is None or account.sealed_credentials is None:
        raise NeedsLogin("Nobody is signed in to this source")
    return account, open_token(library, account.id, account.sealed_credentials)


def _must_refresh(token: JsonObject, refused: JsonObject | None) -> bool:
    is_refused = refused is not None and refused.get("access_token") == token.get("access_token")
    return is_refused or oauth.expires_within(token, REFRESH_BEFORE_EXPIRY_SECONDS)


def _request_refresh(sources: Sources, source_id: int, token: JsonObject) -> JsonObject:
    source = sources.connectable.get(source_id)
    if not isinstance(source, SignInSource):  # A password, or the operator removed the source from the settings.
        raise NeedsLogin("The source does not accept what the person typed, or it was removed from the settings")
    return oauth.refresh(source.sign_in(token), token)


def without_refresh_token(token: JsonObject) -> JsonObject:
    """Return a token without its refresh token, which fetching data does not need."""
    return {name: value for name, value in token.items() if name != "refresh_token"}


async def revoke_token(sources: Sources, source_id: int, token: JsonObject) -> bool:
    """Revoke a token at its source. RFC 7009.

    Returns:
        Whether the source revoked it. Also True for a source without a revocation endpoint, or without tokens.
    """
    try:
        revoked = await call_source(_request_revocation, sources.connectable.get(source_id), token)
    except SourceFailure:
        revoked = False
    if not revoked:
        log.warning("a token could not be revoked at its source", source=source_id)
    return revoked


async def revoke_after_commit(
    db: AsyncSession, platform: Platform, library_id: UUID, account_id: UUID | None = None
) -> None:
    """Revoke the tokens of erased accounts at their sources, once the erasure is committed.

    Each revocation is tried once, in the background, because erasure must not depend on other services.

    Args:
        db: The transaction of the erasure, in which the library is locked.
        platform: The platform.
        library_id: The library.
        account_id: The erased account; None for all accounts of the library.
    """
    query = select(AccountRow.id, AccountRow.source_id, AccountRow.sealed_credentials).where(
        AccountRow.library_id == library_id, AccountRow.sealed_credentials.is_not(None)
    )
    found = (await db.execute(query if account_id is None else query.where(AccountRow.id == account_id))).all()
    if not found:
        return
    tokens = []
    # Tokens whose key is lost cannot be decrypted, nor revoked. That must not prevent the erasure.
    with suppress(LibraryGone, KeyLost, KeyNotOpened, SealBroken):
        library = await open_library(db, platform, library_id)
        for id_, source_id, sealed in found:
            with suppress(KeyLost, SealBroken):
                tokens.append((source_id, open_token(library, id_, sealed or b"")))
    if len(tokens) < len(found):
        log.warning(
            "tokens of an erased account cannot be revoked at their sources: their key cannot be opened",
            library=str(library_id),
            tokens=len(found) - len(tokens),
        )

    def start_revocations(_session: object) -> None:
        for source_id, token in tokens:
            task = asyncio.get_running_loop().create_task(_revoke(platform.sources, source_id, token))
            _revocations.add(task)
            task.add_done_callback(_revocations.discard)

    event.listen(db.sync_session, "after_commit", start_revocations, once=True)


async def finish_revocations() -> None:
    """Wait until all revocations in progress have ended or timed out."""
    if _revocations:
        await asyncio.wait(_revocations)


async def _revoke(sources: Sources, source_id: int, token: JsonObject) -> None:
    await revoke_token(sources, source_id, token)


def _request_revocation(source: Source | None, token: JsonObject) -> bool:
    if isinstance(source, RevokingSource):
        return source.revoke(token)
    if isinstance(source, SignInSource):
        return oauth.revoke(source.sign_in(token), token)
    return source is not None
