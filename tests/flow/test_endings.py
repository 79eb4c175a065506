"""Tests of what an erasure takes with it, what it leaves, and how the journal repeats it in a restored database."""

import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import (
    AccountRow,
    ArchiveRow,
    BlobToDeleteRow,
    ConsentRow,
    ContractRow,
    ExportRow,
    FileRow,
    JourneyRow,
    KeyToDestroyRow,
    LibraryRow,
    PushedFileRow,
    StorageRow,
    UnjournaledRow,
)
from privateshare.platform.grants.consents import record_consent
from privateshare.platform.grants.journal_replay import replay_journal_if_wanted
from privateshare.platform.keystore.journal import Ended, JournalEntry
from privateshare.platform.keystore.store import KeyMissing
from privateshare.platform.library import erasure
from privateshare.platform.library.archives import (
    add_archive,
    agree_to_archives,
    archives_of_journey,
    archives_to_import,
    discard_archive,
    file_of,
    finish_archive,
    is_account_empty,
)
from privateshare.platform.library.connected_sources import ConnectedSource, connect_account
from privateshare.platform.library.erasure import (
    delete_exports,
    erase_account,
    erase_library,
    erase_pushed_files,
    forget_user,
    has_proof_of_person,
    record_ended,
    remove_files_of_account,
    withdraw_access,
)
from privateshare.platform.library.libraries import OpenLibrary, create_library, open_library
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.object_buffer import ObjectBuffer
from privateshare.platform.library.storages import add_storage, assign_storage
from privateshare.platform.library.undecided_accounts import undo_journey
from privateshare.platform.person.browsers import add_browser
from privateshare.platform.runtime import Platform
from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Identity
from tests.flow.consents import consent_by_id
from tests.flow.people import SPOTIFY, People
from tests.flow.slots import record_files, slot_files
from tests.flow.sweeping import record_erasures
from tests.flow.waiting_archives import stored_archive

NOW = datetime.now(UTC)
PLAYS = ObjectType.PLAY_HISTORY


@pytest.fixture(autouse=True)
async def erased_afterwards(platform: Platform) -> AsyncIterator[None]:
    """Erase the libraries of a test at its end, since the database names blobs of theirs that were never written."""
    before = await library_ids(platform)
    yield
    for library in await library_ids(platform) - before:
        async with platform.database.transaction() as db:
            await erase_library(db, platform, library)


async def library_ids(platform: Platform) -> set[UUID]:
    async with platform.database.session() as db:
        return set(await db.scalars(select(LibraryRow.id)))


async def connected(
    db: AsyncSession, platform: Platform, library: OpenLibrary, name: str = "ann", journey: UUID | None = None
) -> AccountRow:
    source = ConnectedSource(platform.sources.connectable[SPOTIFY].info, Identity(name, name))
    return await connect_account(db, platform, library, source, unproven_on=journey)


async def write_file(db: AsyncSession, platform: Platform, library: OpenLibrary, account: AccountRow) -> str:
    """Write a file with one object into an account, and return its blob."""
    schema, mapped_files = platform.sources.connectable[SPOTIFY].info.schema, MappedFiles(platform.blobs, library)
    with ObjectBuffer(schema) as buffer:
        buffer.add(PLAYS, {"entityid": "1", "createddate": 1_704_100_000_000})
        (slot,) = buffer.slots()
        written = mapped_files.write_slot(account.id, schema, [], buffer.entries(slot))
    await record_files(db, account, slot, schema, written)
    return (await slot_files(db, account, slot))[0].blob


async def new_journey(db: AsyncSession, contract_id: str, **values: object) -> JourneyRow:
    journey = JourneyRow(
        code_hash=secrets.token_bytes(32),
        contract_id=contract_id,
        sealed_return=b"",
        created_at=NOW,
        expires_at=NOW + timedelta(hours=1),
        **values,
    )
    db.add(journey)
    await db.flush()
    return journey


async def upload(
    db: AsyncSession, library: OpenLibrary, account: AccountRow, journey: JourneyRow | None, content: bytes = b"x"
) -> ArchiveRow:
    return await add_archive(db, library, account, stored_archive(library, content), journey)


async def push(db: AsyncSession, library: OpenLibrary, contract_id: str, size: int = 7) -> PushedFileRow:
    """Record a file that an app pushed, without its content."""
    row = PushedFileRow(
        library_id=library.id,
        contract_id=contract_id,
        sealed_metadata=b"",
        blob=library.blob(f"pushed/{uuid4()}"),
        size=size,
        sealed_sha256=b"",
    )
    db.add(row)
    await db.flush()
    return row


async def to_delete(db: AsyncSession, blobs: Sequence[str]) -> set[str]:
    """Return those of the blobs that are listed for deletion."""
    return set(await db.scalars(select(BlobToDeleteRow.key).where(BlobToDeleteRow.key.in_(blobs))))


# --- archives ---


async def test_an_archive_waits_for_its_person_and_then_for_its_import(platform: Platform, people: People) -> None:
    """What was imported before they agreed goes when they do; the rest is imported by the next sync."""
    contract_id = (await people.contract()).contract_id
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        account = await connected(db, platform, library)
        assert await is_account_empty(db, library.id, account.id)
        journey = await new_journey(db, contract_id, library_id=library.id)
        shown, waiting = [await upload(db, library, account, journey, content) for content in (b"1", b"2")]
        assert [row.id for row in await archives_of_journey(db, journey)] == [shown.id, waiting.id]
        file, uploaded = file_of(shown, library), stored_archive(library, b"1").file
        assert (file.sha256, file.summary.content) == (uploaded.sha256, uploaded.summary.content)
        assert file.summary.left_out == uploaded.summary.left_out
        assert not await is_account_empty(db, library.id, account.id)
        assert await archives_to_import(db, account) == []
        await finish_archive(db, library.id, shown.id)  # A preview imported it.
        await agree_to_archives(db, journey)
        assert [row.id for row in await archives_to_import(db, account)] == [waiting.id]
        await finish_archive(db, library.id, waiting.id)
        assert await archives_of_journey(db, journey) == await archives_to_import(db, account) == []
        await agree_to_archives(db, journey)
        await discard_archive(db, library.id, uuid4())
        assert await is_account_empty(db, library.id, account.id)


async def test_a_blob_of_several_archives_stays_until_the_last_is_gone(platform: Platform) -> None:
    """What comes from another PrivateShare is one blob for all of its accounts."""
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        accounts = [await connected(db, platform, library, name) for name in ("ann", "bob")]
        stored = stored_archive(library)
        archives = [await add_archive(db, library, account, stored, None) for account in accounts]
        await discard_archive(db, library.id, archives[0].id)
        assert await to_delete(db, [stored.blob]) == set()
        await discard_archive(db, library.id, archives[1].id)
        assert await to_delete(db, [stored.blob]) == {stored.blob}


# --- accounts and journeys ---


async def test_an_erased_account_leaves_nothing(platform: Platform) -> None:
    """Its files and archives are gone with its key, and those of another account stay."""
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        erased, kept = [await connected(db, platform, library, name) for name in ("ann", "bob")]
        files = [await write_file(db, platform, library, account) for account in (erased, kept)]
        archives = [(await upload(db, library, account, None)).blob for account in (erased, kept)]
    async with platform.database.transaction() as db:
        await erase_account(db, platform, await db.get_one(AccountRow, (library.id, erased.id)))
        assert await to_delete(db, [*files, *archives]) == {files[0], archives[0]}
    async with platform.database.session() as db:
        assert set(await db.scalars(select(FileRow.blob).where(FileRow.library_id == library.id))) == {files[1]}
        assert set(await db.scalars(select(ArchiveRow.blob).where(ArchiveRow.library_id == library.id))) == {
            archives[1]
        }
    with pytest.raises(KeyMissing):
        platform.erasure_keys.store.read(erased.id)
    platform.erasure_keys.store.read(kept.id)


async def test_an_account_is_emptied_or_cut_off_and_stays(platform: Platform) -> None:
    """Emptied, its next sync begins from the start. Cut off, it keeps its files until the person connects it again."""
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        account = await connected(db, platform, library)
        archive, file = (
            (await upload(db, library, account, None)).blob,
            await write_file(db, platform, library, account),
        )
        account.sealed_credentials, account.sealed_cursors = b"x", b"y"
        await withdraw_access(db, platform, account)
        assert account.sealed_credentials is None
        assert (account.needs_login, account.sealed_cursors) == (True, b"y")
        assert await to_delete(db, [archive, file]) == {archive}
        await remove_files_of_account(db, platform, account)
        assert account.sealed_cursors is None
        assert await to_delete(db, [archive, file]) == {archive, file}
        assert await is_account_empty(db, library.id, account.id)


async def test_a_journey_without_an_end_takes_only_what_it_made(platform: Platform, people: People) -> None:
    """Not an account that was decided before, nor one that another journey uses or a consent covers meanwhile."""
    contract_id = (await people.contract()).contract_id
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        accounts = {
            name: await connected(db, platform, library, name) for name in ("before", "uploaded", "shared", "made")
        }
        ids = [str(account.id) for account in accounts.values()]
        for account in list(accounts.values())[1:]:
            account.undecided = True
        journey = await new_journey(db, contract_id, library_id=library.id, account_ids=ids)
        other = await new_journey(db, contract_id, library_id=library.id, account_ids=[str(accounts["uploaded"].id)])
        mine = await upload(db, library, accounts["uploaded"], journey, b"1")
        others = await upload(db, library, accounts["uploaded"], other, b"2")
        contract = await db.get_one(ContractRow, contract_id)
        await record_consent(db, contract, library.id, [accounts["shared"].id], NOW)
        await db.flush()
        await undo_journey(db, platform, journey)
        left = set(await db.scalars(select(AccountRow.id).where(AccountRow.library_id == library.id)))
        assert left == {accounts[name].id for name in ("before", "uploaded", "shared")}
        assert await to_delete(db, [mine.blob, others.blob]) == {mine.blob}


async def test_a_journey_that_made_a_library_takes_it(platform: Platform, people: People) -> None:
    """Nobody else knows of it. One that has no library changes nothing."""
    contract_id = (await people.contract()).contract_id
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        await undo_journey(db, platform, await new_journey(db, contract_id))
        journey = await new_journey(db, contract_id, library_id=library.id, provisional=True)
    async with platform.database.transaction() as db:
        await undo_journey(db, platform, await db.get_one(JourneyRow, journey.id))
    async with platform.database.session() as db:
        assert await db.get(LibraryRow, library.id) is None
    with pytest.raises(KeyMissing):
        platform.erasure_keys.store.read(library.id)


# --- a partner that forgets a person ---


async def consented(
    db: AsyncSession, library: OpenLibrary, contract_id: str, accounts: Sequence[UUID] = (), *, unproven: bool = False
) -> ConsentRow:
    contract = await db.get_one(ContractRow, contract_id)
    return await record_consent(db, contract, library.id, accounts, NOW, unproven=unproven)


async def partner_of(db: AsyncSession, contract_id: str) -> str:
    return (await db.get_one(ContractRow, contract_id)).application.partner_id


@pytest.mark.parametrize("kept_by", ["nobody", "another partner", "a withdrawn consent", "proof", "an ended consent"])
async def test_a_library_is_erased_when_nobody_is_left(platform: Platform, people: People, kept_by: str) -> None:
    """Another partner's live consent keeps it, and whatever proves whose it is: then the person can still use it."""
    mine, others = [(await people.contract(kind="write")).contract_id for _ in range(2)]
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        consent = await consented(db, library, mine)
        if kept_by in ("another partner", "a withdrawn consent", "an ended consent"):
            other = await consented(db, library, others)
            other.revoked_at = NOW if kept_by == "a withdrawn consent" else None
            other.expires_at = NOW if kept_by == "an ended consent" else None
        if kept_by == "proof":
            await add_browser(db, library, "A browser", NOW)
        assert await has_proof_of_person(db, library.id) is (kept_by == "proof")
        assert not await has_proof_of_person(db, library.id, without_browsers=True)
        pushed = [await push(db, library, contract_id) for contract_id in (mine, others)]
        storages = []
        for contract_id in (mine, others):
            contract = await db.get_one(ContractRow, contract_id)
            storages.append((await add_storage(db, contract)).id)
            assert await assign_storage(db, contract, storages[-1], library.id)
    async with platform.database.transaction() as db:
        consent = await consent_by_id(db, consent.id)
        await forget_user(db, platform, consent, await partner_of(db, mine), NOW)
    async with platform.database.session() as db:
        is_kept = kept_by in ("another partner", "proof")
        assert (await db.get(LibraryRow, library.id) is not None) is is_kept
        assert await db.get(ConsentRow, (consent.library_id, consent.id)) is None
        left = set(await db.scalars(select(PushedFileRow.blob).where(PushedFileRow.library_id == library.id)))
        assert left == ({pushed[1].blob} if is_kept else set())
        found = set(await db.scalars(select(StorageRow.id).where(StorageRow.id.in_(storages))))
        assert found == ({storages[1]} if is_kept else set())


async def test_an_unproven_person_is_forgotten_with_what_they_connected(platform: Platform, people: People) -> None:
    """Nothing of the person whose library it is, nor an account that another consent covers too."""
    contract_id = (await people.contract()).contract_id
    async with platform.database.transaction() as db:
        library, journey = await create_library(db, platform), uuid4()
        proven = await connected(db, platform, library)
        alone, shared = [await connected(db, platform, library, name, journey) for name in ("mallory", "eve")]
        consent = await consented(db, library, contract_id, [alone.id, shared.id], unproven=True)
        await consented(db, library, contract_id, [proven.id, shared.id])
    async with platform.database.transaction() as db:
        consent = await consent_by_id(db, consent.id)
        await forget_user(db, platform, consent, await partner_of(db, contract_id), NOW)
        assert await db.get(UnjournaledRow, ("consent", str(consent.id))) is not None
    async with platform.database.session() as db:
        left = set(await db.scalars(select(AccountRow.id).where(AccountRow.library_id == library.id)))
        assert left == {proven.id, shared.id}


async def test_what_an_application_pushed_is_deleted_and_counted(platform: Platform, people: People) -> None:
    """Of all its contracts, and of no other application."""
    mine = await people.contract(kind="write")
    second = await people.contract(kind="write", application_id=mine.application_id)
    other = await people.contract(kind="write")
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        blobs = [(await push(db, library, one.contract_id, size)).blob for one, size in ((mine, 1), (second, 2))]
        kept = (await push(db, library, other.contract_id, 4)).blob
        assert await erase_pushed_files(db, platform, library.id, mine.application_id) == (2, 3)
        assert await erase_pushed_files(db, platform, library.id, mine.application_id) == (0, 0)
        assert await to_delete(db, [*blobs, kept]) == set(blobs)


async def test_old_exports_are_deleted(platform: Platform) -> None:
    """Those of everybody that are old, or all older ones of one library."""
    async with platform.database.transaction() as db:
        ages = {}
        libraries = [await create_library(db, platform) for _ in range(2)]
        for library in libraries:
            for days in (1, 9):
                blob = library.blob(f"export/{uuid4()}")
                ages[library.id, days] = blob
                created = NOW - timedelta(days=days)
                db.add(ExportRow(library_id=library.id, blob=blob, language="en", created_at=created))
        await db.flush()
        await delete_exports(db, platform, NOW - timedelta(days=7), None)
        assert await to_delete(db, list(ages.values())) == {ages[one.id, 9] for one in libraries}
        await delete_exports(db, platform, NOW, libraries[0].id)
        assert ages[libraries[0].id, 1] in await to_delete(db, list(ages.values()))
        assert ages[libraries[1].id, 1] not in await to_delete(db, list(ages.values()))


# --- keys and the journal ---


async def test_listed_keys_are_destroyed_and_journaled_page_by_page(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many they are, and also if some are gone already: a crash may have come between."""
    monkeypatch.setattr(erasure, "KEYS_PER_TRANSACTION", 2)
    names = [uuid4() for _ in range(5)]
    for name in names[1:]:
        await platform.erasure_keys.create(name)
    async with platform.database.transaction() as db:
        db.add_all(KeyToDestroyRow(name=name) for name in names)
    await record_erasures(platform)
    assert await platform.erasure_keys.read_all(names) == {}
    recorded = {entry.id for entry in platform.journals.main.entries()}
    assert recorded >= {str(name) for name in names}
    async with platform.database.transaction() as db:
        await record_ended(db, Ended.KEY, [])
    await record_erasures(platform)


async def test_what_a_restored_database_has_again_ends_again(platform: Platform, people: People) -> None:
    """A library, an account, a consent and a contract, and what has ended since, or is not there, is passed over."""
    contracts = [(await people.contract()).contract_id for _ in range(3)]
    async with platform.database.transaction() as db:
        libraries = [await create_library(db, platform) for _ in range(2)]
        account = await connected(db, platform, libraries[1])
        kept = await connected(db, platform, libraries[1], "bob")
        withdrawn, of_contract, other = [await consented(db, libraries[1], id_, [kept.id]) for id_ in contracts]
    journal = platform.journals.main
    journal.record(
        [
            JournalEntry(Ended.KEY, str(libraries[0].id)),
            JournalEntry(Ended.KEY, str(account.id)),
            JournalEntry(Ended.KEY, str(uuid4())),
            JournalEntry(Ended.CONSENT, str(withdrawn.id)),
            JournalEntry(Ended.CONSENT, str(uuid4())),
            JournalEntry(Ended.CONTRACT, contracts[1]),
            JournalEntry(Ended.CONTRACT, "never registered"),
        ]
    )
    nothing = await replay_journal_if_wanted(platform)  # Nobody has restored anything.
    assert (nothing.libraries, nothing.accounts, nothing.consents, nothing.contracts) == (0, 0, 0, 0)
    journal.ask_for_replay()
    done = await replay_journal_if_wanted(platform)
    assert (done.libraries, done.accounts, done.consents, done.contracts) == (1, 1, 1, 1)
    assert not journal.is_replay_wanted()
    async with platform.database.transaction() as db:
        assert await db.get(LibraryRow, libraries[0].id) is None
        left = set(await db.scalars(select(AccountRow.id).where(AccountRow.library_id == libraries[1].id)))
        assert left == {kept.id}
        ends = [(await consent_by_id(db, one.id)).revoked_at for one in (withdrawn, of_contract, other)]
        assert [end is not None for end in ends] == [True, True, False]
        await open_library(db, platform, libraries[1].id)
    journal.ask_for_replay()
    again = await replay_journal_if_wanted(platform)
    assert (again.libraries, again.accounts, again.consents, again.contracts) == (0, 0, 0, 0)
