"""What lets the platform into a source that a person signed in to: sealed, renewed in time, and revoked in the end."""

import asyncio
from contextlib import suppress
from uuid import UUID

import orjson
import structlog
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import AccountRow
from privateshare.platform.library.libraries import KeyLost, LibraryGone, OpenLibrary, hold_library, open_library
from privateshare.platform.runtime import Platform
from privateshare.sources import oauth
from privateshare.sources.contract import JsonObject, NeedsLogin, SignInSource, SourceFailure, TryLater
from privateshare.sources.registry import Sources

PURPOSE = "credentials"
LONGEST_TURN_SECONDS = 20  # to wait until fewer others renew
SOON_SECONDS = 120  # an access token that ends sooner is renewed first

log = structlog.get_logger()
_revocations: set[asyncio.Task[None]] = set()  # the event loop holds tasks weakly


def seal_token(library: OpenLibrary, account_id: UUID, token: JsonObject) -> bytes:
    """A source's token as an account keeps it."""
    return library.account(account_id).seal(PURPOSE, account_id, orjson.dumps(token))


def open_token(library: OpenLibrary, account_id: UUID, sealed: bytes) -> JsonObject:
    """The token that `seal_token` sealed for this account. Raises SealBroken."""
    token: JsonObject = orjson.loads(library.account(account_id).open(PURPOSE, account_id, sealed))
    return token


async def fresh_token(
    platform: Platform, library: OpenLibrary, account_id: UUID, refused: JsonObject | None = None
) -> JsonObject:
    """An account's token, for its source to use; renewed if it ends soon, or is the one that the source refused.

    Most need no more than a look. Few may renew at once: a source that takes its time must not keep the database's
    connections from everybody. Raises NeedsLogin, TryLater or Broken; LibraryGone.
    """
    async with platform.database.transaction() as db:
        await hold_library(db, library.id)
        account = await db.get(AccountRow, (library.id, account_id))
        token = _token_of(library, account)
    if account is None or not _must_renew(token, refused):
        return for_source(token)
    try:
        async with asyncio.timeout(LONGEST_TURN_SECONDS):
            await platform.renewals[account.source_id].acquire()
    except TimeoutError as error:
        raise TryLater("the source is slow to give tokens") from error
    try:
        return await _renew_token(platform, library, account_id, refused)
    finally:
        platform.renewals[account.source_id].release()


async def _renew_token(
    platform: Platform, library: OpenLibrary, account_id: UUID, refused: JsonObject | None
) -> JsonObject:
    """The renewed token.

    The account is locked meanwhile: a refresh token that rotates works once, so only one may renew, and whoever waited
    gets the new one. A process that dies between the source's answer and the commit loses it: the person must sign in
    again. Raises NeedsLogin, TryLater or Broken; LibraryGone.
    """
    async with platform.database.transaction() as db:
        await hold_library(db, library.id)
        account = await db.get(AccountRow, (library.id, account_id), with_for_update={"key_share": True})
        token, failure = _token_of(library, account), None
        if account is not None and _must_renew(token, refused):
            try:
                token = await asyncio.to_thread(_renewed, platform.sources, account.source_id, token)
                account.sealed_credentials = seal_token(library, account_id, token)
            except NeedsLogin as error:
                account.needs_login, failure = True, error
    if failure is not None:
        raise failure
    return for_source(token)


def _token_of(library: OpenLibrary, account: AccountRow | None) -> JsonObject:
    if account is None or account.sealed_credentials is None:
        raise NeedsLogin("nobody is signed in")
    return open_token(library, account.id, account.sealed_credentials)


def _must_renew(token: JsonObject, refused: JsonObject | None) -> bool:
    is_refused = refused is not None and refused["access_token"] == token["access_token"]
    return is_refused or oauth.expires_within(token, SOON_SECONDS)


def _renewed(sources: Sources, source_id: int, token: JsonObject) -> JsonObject:
    return oauth.refresh(_source(sources, source_id).sign_in(), token)


def for_source(token: JsonObject) -> JsonObject:
    """The token without what its source has no use for."""
    return {name: value for name, value in token.items() if name != "refresh_token"}


async def revoke_token(sources: Sources, source_id: int, token: JsonObject) -> bool:
    """Has a source forget what it granted; whether it did, or cannot be asked to. RFC 7009."""
    try:
        sign_in = await asyncio.to_thread(_source(sources, source_id).sign_in)
        revoked = await asyncio.to_thread(oauth.revoke, sign_in, token)
    except SourceFailure:
        revoked = False
    if not revoked:
        log.warning("a source was not told that its token is of no more use", source=source_id)
    return revoked


async def revoke_after_commit(
    db: AsyncSession, platform: Platform, library_id: UUID, account_id: UUID | None = None
) -> None:
    """Has the sources of accounts that are erased forget what they granted, once the erasure is committed.

    Of one account, or of all; the library is held. It is tried once and nobody waits for it: erasing must not depend on
    what others do.
    """
    query = select(AccountRow.id, AccountRow.source_id, AccountRow.sealed_credentials).where(
        AccountRow.library_id == library_id, AccountRow.sealed_credentials.is_not(None)
    )
    found = (await db.execute(query if account_id is None else query.where(AccountRow.id == account_id))).all()
    if not found:
        return
    tokens = []
    with suppress(LibraryGone, KeyLost, SealBroken):  # nobody can read them any more
        library = await open_library(db, platform, library_id)
        for id_, source_id, sealed in found:
            with suppress(KeyLost, SealBroken):
                tokens.append((source_id, open_token(library, id_, sealed or b"")))

    def begin(_session: object) -> None:
        for source_id, token in tokens:
            task = asyncio.get_running_loop().create_task(_revoke(platform.sources, source_id, token))
            _revocations.add(task)
            task.add_done_callback(_revocations.discard)

    event.listen(db.sync_session, "after_commit", begin, once=True)


async def finish_revocations() -> None:
    """Waits until the sources that are being told have answered, or are given up on."""
    if _revocations:
        await asyncio.wait(_revocations)


async def _revoke(sources: Sources, source_id: int, token: JsonObject) -> None:
    await revoke_token(sources, source_id, token)


def _source(sources: Sources, source_id: int) -> SignInSource:
    source = sources.connectable.get(source_id)
    if not isinstance(source, SignInSource):
        raise NeedsLogin("the operator took this source away")
    return source
