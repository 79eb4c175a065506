"""Tests of connecting an account again whose key is lost: it begins anew, and the old one is set aside."""

from pathlib import Path
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select

from privateshare.platform.db.tables import AccountRow
from privateshare.platform.library.connected_sources import ConnectedSource, connect_account
from privateshare.platform.library.libraries import OpenLibrary, create_library, open_library
from privateshare.platform.runtime import Platform
from privateshare.sources.contract import Identity
from tests.archives import play, spotify_zip
from tests.flow.consenting import add_found, ask, asking_contract, known_person, opened, page_of
from tests.flow.people import SPOTIFY, People

ANN, BOB = Identity("ann", "Ann"), Identity("bob", "Bob")
NAMELESS = Identity("someone", "Spotify", named=False)


async def without_key(platform: Platform, owner: Identity, to_erase: list[UUID]) -> tuple[OpenLibrary, UUID]:
    """Make an account of a new library, which is to be erased afterwards, and lose its key."""
    info = platform.sources.connectable[SPOTIFY].info
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        to_erase.append(library.id)
        account = await connect_account(
            db, platform, library, ConnectedSource(info, owner, token={"access_token": "t"})
        )
    await lose_key(platform, account.id)
    async with platform.database.transaction() as db:
        return await open_library(db, platform, library.id), account.id


async def lose_key(platform: Platform, account_id: UUID) -> None:
    await platform.erasure_keys.destroy([account_id])


@pytest.mark.parametrize("again", [ANN, BOB, NAMELESS])
@pytest.mark.parametrize("signs_in", [True, False])
@pytest.mark.parametrize("is_expected", [True, False])
async def test_an_account_whose_key_is_lost_begins_anew(
    platform: Platform, again: Identity, signs_in: bool, is_expected: bool, erased_afterwards: list[UUID]
) -> None:
    """By a sign-in or a file, also if exactly the lost account is connected again. The next time it is found."""
    library, lost = await without_key(platform, ANN, erased_afterwards)
    assert library.lost_accounts == {lost}
    info = platform.sources.connectable[SPOTIFY].info
    connected = ConnectedSource(info, again, token={"access_token": "t"} if signs_in else None)
    expected = lost if is_expected else None
    async with platform.database.transaction() as db:
        new = await connect_account(db, platform, library, connected, expected)
        assert new.id != lost
    async with platform.database.transaction() as db:
        opened_library = await open_library(db, platform, library.id)
        assert (await connect_account(db, platform, opened_library, connected)).id == new.id
        rows = list(await db.scalars(select(AccountRow).where(AccountRow.library_id == library.id)))
        assert {row.id for row in rows} == {lost, new.id}


async def test_the_person_is_told_what_was_lost(
    platform: Platform, people: People, tmp_path: Path, erased_afterwards: list[UUID]
) -> None:
    """Before a file is added, and on the page of the old account, which they can remove."""
    wire = await asking_contract(people)
    http, file = httpx2.Client(), tmp_path / "a.zip"
    file.write_bytes(spotify_zip([play(number, username="ann") for number in range(5)]))
    tokens = known_person(wire, http)
    library = await people.library_of(tokens)
    erased_afterwards.append(library)
    info = platform.sources.connectable[SPOTIFY].info
    async with platform.database.transaction() as db:
        of_person = await open_library(db, platform, library)
        old = (await connect_account(db, platform, of_person, ConnectedSource(info, ANN))).id
    await lose_key(platform, old)
    mine = opened(f"{wire.origin}/me/", http=http)
    assert mine.page is not None
    home = mine.page.url.split("?")[0]
    mine.open(f"{home}/sources/{old}")
    assert mine.page is not None
    assert "because its key is lost" in mine.page.html
    browser = opened(ask(wire, f"&service={SPOTIFY}", access_token=tokens.access).url, http=http)
    assert browser.page is not None
    browser.open(f"{browser.page.url.rsplit('/', 1)[0]}/connect/{SPOTIFY}")
    browser.submit("continue", file=file)
    assert page_of(browser) == "found"
    assert "With this file, a new account begins" in browser.page.html
    add_found(browser)
    assert page_of(browser) == "consent"
    async with platform.database.transaction() as db:
        of_library = select(AccountRow.id).where(AccountRow.library_id == library, AccountRow.sample.is_(None))
        assert len(list(await db.scalars(of_library))) == 2
