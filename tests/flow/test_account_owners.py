"""Whose account a library holds: what a file says about its owner, what a sign-in proves, and what a merge keeps."""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.blobs.store import put
from privateshare.platform.db.tables import AccountRow, JourneyRow, MergeRow
from privateshare.platform.library.account_identities import account_identity, is_same_owner
from privateshare.platform.library.archives import add_archive, agree_to_archives
from privateshare.platform.library.connected_sources import (
    ConnectedSource,
    adopt_accounts,
    connect_account,
    is_proof_of_person,
)
from privateshare.platform.library.libraries import OpenLibrary, create_library, open_library
from privateshare.platform.library.undecided_accounts import undo_journey
from privateshare.platform.me.merge_job import merge_libraries
from privateshare.platform.runtime import Platform
from privateshare.sources.contract import Identity
from tests.flow.people import SPOTIFY, People
from tests.flow.waiting_archives import stored_archive

ALICE, MALLORY = Identity("alice", "Alice"), Identity("mallory", "Mallory")
UNKNOWN = Identity("listener", "Spotify archive", named=False)
TOKEN = {"access_token": "x"}


async def connected(
    db: AsyncSession,
    platform: Platform,
    library: OpenLibrary,
    identity: Identity,
    *,
    signs_in: bool = False,
    brought_in: bool = False,
    sample: str | None = None,
    journey: UUID | None = None,
) -> AccountRow:
    source, token = platform.sources.connectable[SPOTIFY].info, TOKEN if signs_in else None
    found = ConnectedSource(source, identity, sample=sample, token=token, brought_in=brought_in)
    return await connect_account(db, platform, library, found, unproven_on=journey)


async def merged(platform: Platform, mine: UUID, theirs: UUID) -> None:
    async with platform.database.transaction() as db:
        merge = MergeRow(library_id=mine, id=uuid4(), other_id=theirs, other_browser_id=uuid4())
        db.add(merge)
    await merge_libraries(platform, mine, merge.id)


async def account_count(platform: Platform, library_id: UUID) -> int:
    async with platform.database.transaction() as db:
        query = select(func.count()).select_from(AccountRow).where(AccountRow.library_id == library_id)
        return await db.scalar(query) or 0


@pytest.mark.parametrize(
    "forged",
    [
        [Identity("mallory", "Mallory", named=False)],
        [Identity("listener", "Alice", named=False, id_in_objects="mallory")],
        [Identity("mallory", "Mallory", named=False), ALICE],
        [Identity("alice", "Alice", id_in_objects="mallory")],
    ],
)
async def test_only_a_sign_in_says_who_proves_to_be_the_person(platform: Platform, forged: list[Identity]) -> None:
    """A file that was brought in cannot let somebody else sign in as the person, nor fetch another record."""
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        files = [await connected(db, platform, library, identity, brought_in=True) for identity in forged]
        account = await connected(db, platform, library, ALICE, signs_in=True)
        assert {file.id for file in files} == {account.id}
        assert account_identity(account, library).objects_owner == "alice"
        assert is_same_owner(account_identity(account, library), ALICE)
        assert not is_same_owner(account_identity(account, library), MALLORY)
        assert await is_proof_of_person(db, library, SPOTIFY, ALICE)
        assert not await is_proof_of_person(db, library, SPOTIFY, MALLORY)
        assert not await is_proof_of_person(db, library, SPOTIFY, replace(ALICE, named=False))
        assert (await connected(db, platform, library, ALICE, signs_in=True)).id == account.id


async def test_an_account_is_known_by_its_name_after_a_merge(platform: Platform) -> None:
    """Files without a name came first, then one with it. Two names stay two accounts, and each is found again."""
    async with platform.database.transaction() as db:
        mine, theirs = await create_library(db, platform), await create_library(db, platform)
        ids = []
        for library, name in ((mine, ALICE), (theirs, MALLORY)):
            first = await connected(db, platform, library, UNKNOWN)
            account = await connected(db, platform, library, name)
            assert account.id == first.id
            assert account_identity(account, library).objects_owner == "listener"
            ids.append(account.id)
    await merged(platform, mine.id, theirs.id)
    async with platform.database.transaction() as db:
        library = await open_library(db, platform, mine.id)
        found = [(await connected(db, platform, library, name)).id for name in (ALICE, MALLORY)]
    assert found == ids


async def test_accounts_that_stayed_twice_are_moved_again(platform: Platform) -> None:
    """Equal accounts that did not become one are in a library that is itself moved into another one, several times."""
    async with platform.database.transaction() as db:
        first, second, third = [await create_library(db, platform) for _ in range(3)]
        for library, sample in ((first, None), (second, "small")):
            await connected(db, platform, library, ALICE, sample=sample)
    await merged(platform, second.id, first.id)
    await merged(platform, third.id, second.id)
    assert await account_count(platform, third.id) == 2


@pytest.mark.parametrize("journey_of_moved", [True, False])
async def test_an_unfinished_journey_takes_nothing_else_with_it(
    platform: Platform, people: People, journey_of_moved: bool
) -> None:
    """An account that is erased when its journey ends without consent has not become one with another."""
    wire, now = await people.contract(), datetime.now(UTC)
    async with platform.database.transaction() as db:
        mine, theirs = await create_library(db, platform), await create_library(db, platform)
        of_journey, other = (theirs, mine) if journey_of_moved else (mine, theirs)
    async with platform.database.transaction() as db:
        account = await connected(db, platform, of_journey, ALICE)
        account.undecided = True
        journey = JourneyRow(
            code_hash=secrets.token_bytes(32),
            contract_id=wire.contract_id,
            library_id=of_journey.id,
            sealed_return=b"",
            created_at=now,
            account_ids=[str(account.id)],
            expires_at=now + timedelta(hours=1),
        )
        db.add(journey)
        kept = await connected(db, platform, other, replace(ALICE, display_name="Alice, for long"))
    await merged(platform, mine.id, theirs.id)
    async with platform.database.transaction() as db:
        await undo_journey(db, platform, await db.get_one(JourneyRow, journey.id))
        left = list(await db.scalars(select(AccountRow.id).where(AccountRow.library_id == mine.id)))
    assert left == [kept.id]


async def test_an_upload_leaves_a_sign_in_as_it_is(platform: Platform) -> None:
    """If the source does not accept the sign-in any more, the account goes on with uploads alone."""
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        account = await connected(db, platform, library, ALICE, signs_in=True)
        assert (await connected(db, platform, library, ALICE)).id == account.id
        assert account.sealed_credentials is not None
        account.needs_login = True
        again = await connected(db, platform, library, ALICE)
        assert again.sealed_credentials is None
        assert not again.needs_login


@pytest.mark.parametrize("is_decided", [True, False])
async def test_an_upload_that_can_be_declined_leaves_a_decided_account_as_it_is(
    platform: Platform, people: People, is_decided: bool
) -> None:
    """Neither its sign-in nor its name changes before the person has agreed. Then it goes on with the file."""
    wire, now = await people.contract(), datetime.now(UTC)
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        account = await connected(db, platform, library, replace(ALICE, named=False), signs_in=True)
        account.needs_login, known = True, account.sealed_details
        account.undecided = not is_decided
        journey = JourneyRow(
            code_hash=secrets.token_bytes(32),
            contract_id=wire.contract_id,
            library_id=library.id,
            sealed_return=b"",
            expires_at=now + timedelta(hours=1),
        )
        db.add(journey)
        await db.flush()
        info = platform.sources.connectable[account.source_id].info
        same = ConnectedSource(info, replace(ALICE, provider_account_id="alice-2"), may_be_declined=True)
        assert (await connect_account(db, platform, library, same, journey=journey)).id == account.id
        assert (account.sealed_credentials is not None) is is_decided
        assert account.needs_login is is_decided
        assert (account.sealed_details == known) is is_decided
        stored = stored_archive(library)
        put(platform.blobs, stored.blob, [b"content"])
        await add_archive(db, library, account, stored, journey)
        await agree_to_archives(db, journey)
        await db.refresh(account)
        assert (account.sealed_credentials, account.needs_login) == (None, False)


async def test_a_proof_adopts_what_its_journey_connected(platform: Platform) -> None:
    """Not what another journey did, nor an account that the person has, nor one whose key is lost: those stay apart."""
    journey, bob, eve = uuid4(), Identity("bob", "Bob"), Identity("eve", "Eve")
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        await connected(db, platform, library, ALICE)
        mine = {one: await connected(db, platform, library, one, journey=journey) for one in (ALICE, MALLORY, bob)}
        other = await connected(db, platform, library, eve, journey=uuid4())
        await adopt_accounts(db, replace(library, lost_accounts=frozenset({mine[bob].id})), journey)
        adopted = [one.display_name for one, account in mine.items() if account.unproven_on is None]
        assert (adopted, other.unproven_on is None) == (["Mallory"], False)
        assert (await connected(db, platform, library, MALLORY)).id == mine[MALLORY].id
