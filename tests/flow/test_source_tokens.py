"""Tests of the tokens of sources that people signed in to: refreshed once, never lost, revoked with their account."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from privateshare.platform.db.tables import AccountRow
from privateshare.platform.library import credentials
from privateshare.platform.library.connected_sources import ConnectedSource, connect_account
from privateshare.platform.library.credentials import finish_revocations, fresh_token, open_token, revoke_token
from privateshare.platform.library.erasure import erase_account, erase_library
from privateshare.platform.library.libraries import LibraryGone, OpenLibrary, create_library
from privateshare.platform.runtime import MAX_CONCURRENT_REFRESHES, Platform
from privateshare.sources.contract import Broken, Identity, JsonObject, NeedsLogin, SignIn, TryLater
from privateshare.sources.registry import Sources
from privateshare.sources.spotify.source import Spotify
from tests.flow.people import SPOTIFY
from tests.scripted import Scripted, dumped, serving

STORED = {"access_token": "a0", "refresh_token": "r0", "token_type": "bearer", "patient": "p1", "expires_at": 1}
RENEWED = {"access_token": "a1", "refresh_token": "r1", "token_type": "bearer", "expires_in": 3600}


class Signing(Spotify):
    """A source whose sign-in is at a server of the test."""

    def __init__(self, server: Scripted) -> None:
        self._server = server

    def sign_in(self, known: JsonObject) -> SignIn:
        """Return the addresses of the server."""
        assert "access_token" in known
        at = self._server.address
        return SignIn(f"{at}/authorize", f"{at}/token", "us", "read", revocation_endpoint=f"{at}/revoke")


class Revoking(Spotify):
    """A source that revokes in its own way, and says whether it did."""

    def __init__(self) -> None:
        self.revoked: list[str] = []

    def revoke(self, token: JsonObject) -> bool:
        """Revoke a token, except one that is unknown."""
        self.revoked.append(token["access_token"])
        return bool(token["access_token"] != "unknown")


@dataclass
class Signed:
    """Somebody who signed in, and the server of their source."""

    platform: Platform
    server: Scripted
    library: OpenLibrary
    account_id: UUID

    async def fresh(self, **options: Any) -> JsonObject:
        return await fresh_token(self.platform, self.library, self.account_id, **options)

    async def account(self) -> AccountRow:
        async with self.platform.database.session() as db:
            return await db.get_one(AccountRow, (self.library.id, self.account_id))

    async def stored(self) -> JsonObject:
        return open_token(self.library, self.account_id, (await self.account()).sealed_credentials or b"")


@pytest.fixture
def server() -> Iterator[Scripted]:
    with serving(Scripted()) as running:
        yield running


def with_source(platform: Platform, source: Spotify | None) -> Platform:
    sources = Sources()
    others = {id_: one for id_, one in sources.connectable.items() if id_ != SPOTIFY}
    sources.connectable = others if source is None else {**others, SPOTIFY: source}
    return replace(platform, sources=sources)


async def signed_in(platform: Platform, server: Scripted, token: JsonObject | None) -> Signed:
    changed = with_source(platform, Signing(server))
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        source = ConnectedSource(changed.sources.connectable[SPOTIFY].info, Identity("ann", "Ann"), token=token)
        account = await connect_account(db, platform, library, source)
    return Signed(changed, server, library, account.id)


@pytest.fixture
async def signed(platform: Platform, server: Scripted) -> Signed:
    """Provide somebody whose token has expired."""
    server.json("/token", RENEWED)
    return await signed_in(platform, server, STORED)


def asked(server: Scripted) -> list[str]:
    return [path for path, _ in server.asked]


async def test_an_expired_token_is_refreshed_once_for_all_who_wait(signed: Signed) -> None:
    """A rotating refresh token works only once. It is stored, and nobody who fetches gets it."""
    tokens = await asyncio.gather(*(signed.fresh() for _ in range(5)))
    assert asked(signed.server) == ["/token"]
    assert {token["access_token"] for token in tokens} == {"a1"}
    assert not any("refresh_token" in token for token in tokens)
    assert (await signed.stored())["refresh_token"] == "r1"
    assert (await signed.stored())["patient"] == "p1"
    assert (await signed.fresh())["access_token"] == "a1"
    assert asked(signed.server) == ["/token"]


async def test_a_token_that_was_refused_is_refreshed_although_it_has_not_expired(signed: Signed) -> None:
    """If another process has done so meanwhile, its token is used."""
    first = await signed.fresh()
    signed.server.json("/token", RENEWED | {"access_token": "a2"})
    assert (await signed.fresh(refused=first))["access_token"] == "a2"
    assert (await signed.fresh(refused=first))["access_token"] == "a2"
    assert asked(signed.server) == ["/token", "/token"]


async def test_a_refresh_that_is_refused_asks_for_a_sign_in(signed: Signed) -> None:
    """That is stored, and the error says so."""
    signed.server.json("/token", {"error": "invalid_grant"}, 400)
    with pytest.raises(NeedsLogin):
        await signed.fresh()
    assert (await signed.account()).needs_login
    assert await signed.stored() == STORED


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [(503, b"", TryLater), (429, b"", TryLater), (200, b"[]", Broken), (400, b'{"error": "invalid_client"}', Broken)],
)
async def test_a_refresh_that_fails_keeps_the_token(
    signed: Signed, status: int, body: bytes, error: type[Exception]
) -> None:
    """The person stays signed in: it may work later, or once the operator has mended the settings."""
    signed.server.answers["/token"] = (status, {}, body)
    with pytest.raises(error):
        await signed.fresh()
    assert not (await signed.account()).needs_login
    assert await signed.stored() == STORED
    signed.server.json("/token", RENEWED)
    assert (await signed.fresh())["access_token"] == "a1"


async def test_a_slow_source_holds_up_only_itself(signed: Signed, monkeypatch: pytest.MonkeyPatch) -> None:
    """While as many refreshes wait for it as may, others are asked to try later; its place is free again afterwards."""
    monkeypatch.setattr(credentials, "MAX_WAIT_FOR_REFRESH_SECONDS", 0.05)
    places = signed.platform.token_refreshes[SPOTIFY]
    async with AsyncExitStack() as waiting:
        for _ in range(MAX_CONCURRENT_REFRESHES):
            await waiting.enter_async_context(places)
        with pytest.raises(TryLater):
            await signed.fresh()
        assert asked(signed.server) == []
    assert (await signed.fresh())["access_token"] == "a1"
    assert not places.locked()


async def test_nobody_is_signed_in(platform: Platform, server: Scripted, signed: Signed) -> None:
    """Neither at an account of an upload, nor at one that is gone, nor where the operator removed the source."""
    uploaded = await signed_in(platform, server, None)
    with pytest.raises(NeedsLogin):
        await uploaded.fresh()
    with pytest.raises(NeedsLogin):
        await fresh_token(signed.platform, signed.library, uuid4())
    removed = replace(signed, platform=with_source(platform, None))
    with pytest.raises(NeedsLogin):
        await removed.fresh()
    async with platform.database.transaction() as db:
        await erase_library(db, signed.platform, signed.library.id)
    with pytest.raises(LibraryGone):
        await signed.fresh()
    await finish_revocations()


async def test_an_erased_account_is_signed_out_at_its_source(platform: Platform, signed: Signed) -> None:
    """In the background, once the erasure is committed, and not if it is rolled back."""
    signed.server.answers["/revoke"] = (200, {}, b"")

    async def erase(*, and_fail: bool) -> None:
        async with platform.database.transaction() as db:
            account = await db.get_one(AccountRow, (signed.library.id, signed.account_id))
            await erase_account(db, signed.platform, account)
            if and_fail:
                raise RuntimeError

    with pytest.raises(RuntimeError):
        await erase(and_fail=True)
    await finish_revocations()
    assert asked(signed.server) == []
    await erase(and_fail=False)
    await finish_revocations()
    assert asked(signed.server) == ["/revoke"]


async def test_a_lost_key_prevents_no_erasure(platform: Platform, server: Scripted, signed: Signed) -> None:
    """The operator is told that the source was not signed out of."""
    other = await signed_in(platform, server, STORED)
    platform.erasure_keys.store.destroy(signed.account_id)
    platform.erasure_keys.store.destroy(other.library.id)
    for name in (signed.account_id, other.library.id):
        platform.erasure_keys.forget(name)
    for one in (signed, other):
        with capture_logs() as logs:
            async with platform.database.transaction() as db:
                await erase_library(db, one.platform, one.library.id)
        (line,) = [line for line in logs if "cannot be revoked" in line["event"]]
        assert (line["library"], line["tokens"]) == (str(one.library.id), 1)
    assert asked(server) == []


async def test_each_source_revokes_in_its_way(platform: Platform, server: Scripted) -> None:
    """Whoever asks learns whether it did. A source that was removed did not; one without tokens has nothing to do."""
    token, own = {"access_token": "known"}, Revoking()

    async def revoked(source: Spotify | None, one: JsonObject = token) -> bool:
        return await revoke_token(with_source(platform, source).sources, SPOTIFY, one)

    server.answers["/revoke"] = (200, {}, b"")
    assert await revoked(Signing(server))
    server.answers["/revoke"] = (503, {}, dumped({}))
    with capture_logs() as logs:
        assert not await revoked(Signing(server))
    assert [(line["log_level"], line["source"]) for line in logs] == [("warning", SPOTIFY)]
    assert await revoked(own)
    assert not await revoked(own, {"access_token": "unknown"})
    assert own.revoked == ["known", "unknown"]
    assert not await revoked(None)
    assert await revoked(Spotify())
