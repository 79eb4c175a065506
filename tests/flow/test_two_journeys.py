"""Two journeys that connect the same new account, such as in two tabs: neither takes away what the other one added."""

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import AccountRow, ArchiveRow, FileRow, JourneyRow
from privateshare.platform.library.archives import add_archive, agree_to_archives
from privateshare.platform.library.connected_sources import ConnectedSource, connect_account
from privateshare.platform.library.libraries import OpenLibrary, create_library, open_library
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.object_buffer import ObjectBuffer
from privateshare.platform.library.undecided_accounts import agree_to_accounts, undo_journey
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.sweep import sweep
from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Identity
from tests.archives import play, spotify_zip
from tests.flow.consenting import ask, asking_contract, journey_of, known_person, opened, page_of, upload
from tests.flow.people import EVERYTHING, SPOTIFY, People
from tests.flow.sessions import texts, wait_until_over
from tests.flow.slots import record_files
from tests.flow.waiting_archives import stored_archive
from tests.flow.wire import Tokens, Wire
from tests.patience import GIVE_UP_SECONDS

Ending = Literal["agree", "decline", "expire"]
ENDINGS: tuple[Ending, ...] = ("agree", "decline", "expire")
TOKEN = {"access_token": "a", "refresh_token": "r"}
ANN = Identity("ann", "ann")


class Journeys:
    """A person's library, and journeys that connect an account of it."""

    def __init__(self, platform: Platform, contract_id: str, library_id: UUID) -> None:
        self.platform, self.contract_id, self.library_id = platform, contract_id, library_id

    async def begin(self) -> UUID:
        async with self.platform.database.transaction() as db:
            journey = JourneyRow(
                code_hash=secrets.token_bytes(32),
                contract_id=self.contract_id,
                library_id=self.library_id,
                sealed_return=b"",
                expires_at=datetime.now(UTC) + timedelta(hours=1),
            )
            db.add(journey)
            await db.flush()
            return journey.id

    async def connect(self, on: UUID | None, *, file: bytes = b"", signs_in: bool = False) -> None:
        """Upload a file, or sign in. What is in an account of one journey alone is shown, so it has data."""
        async with self.platform.database.transaction() as db:
            library = await open_library(db, self.platform, self.library_id)
            journey = await db.get_one(JourneyRow, on) if on is not None else None
            info = self.platform.sources.connectable[SPOTIFY].info
            found = ConnectedSource(
                info, ANN, token=TOKEN if signs_in else None, may_be_declined=on is not None and not signs_in
            )
            account = await connect_account(db, self.platform, library, found, journey=journey)
            is_shown = account.undecided and account.emptied_at is None
            if journey is not None:
                journey.account_ids = sorted({*journey.account_ids, str(account.id)})
            if file:
                stored = stored_archive(library, file)
                archive = await add_archive(db, library, account, stored, journey)
                archive.imported = is_shown
            if is_shown:
                await self._write(db, library, account)

    async def _write(self, db: AsyncSession, library: OpenLibrary, account: AccountRow) -> None:
        schema, files = (
            self.platform.sources.connectable[SPOTIFY].info.schema,
            MappedFiles(self.platform.blobs, library),
        )
        with ObjectBuffer(schema) as buffer:
            buffer.add(ObjectType.PLAY_HISTORY, {"entityid": "1", "createddate": 1_704_100_000_000})
            (slot,) = buffer.slots()
            await record_files(
                db, account, slot, schema, files.write_slot(account.id, schema, [], buffer.entries(slot))
            )

    async def end(self, journey_id: UUID, how: Ending) -> None:
        async with self.platform.database.transaction() as db:
            journey = await db.get_one(JourneyRow, journey_id, with_for_update=True)
            if how == "agree":
                await agree_to_accounts(db, self.library_id, [UUID(id_) for id_ in journey.account_ids], journey)
                await agree_to_archives(db, journey)
            else:
                await undo_journey(db, self.platform, journey)
            if how == "expire":
                journey.undone_at = datetime.now(UTC)
            else:
                journey.finished_at = datetime.now(UTC)

    async def accounts(self) -> list[AccountRow]:
        async with self.platform.database.session() as db:
            return list(await db.scalars(select(AccountRow).where(AccountRow.library_id == self.library_id)))

    async def files(self) -> int:
        async with self.platform.database.session() as db:
            return await self._files(db)

    async def _files(self, db: AsyncSession) -> int:
        return len(list(await db.scalars(select(FileRow).where(FileRow.library_id == self.library_id))))

    async def waiting(self) -> list[UUID | None]:
        """Return the journeys of the files that wait to be imported, None for those that the person agreed to."""
        async with self.platform.database.session() as db:
            query = select(ArchiveRow).where(ArchiveRow.library_id == self.library_id)
            waiting = query.where(ArchiveRow.imported.is_(False))
            return [row.journey_id for row in await db.scalars(waiting)]


@pytest.fixture
async def journeys(platform: Platform, people: People, erased_afterwards: list[UUID]) -> Journeys:
    contract = await people.contract()
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
    erased_afterwards.append(library.id)  # Its archives have no blobs.
    return Journeys(platform, contract.contract_id, library.id)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("second", ENDINGS)
@pytest.mark.parametrize("first", ENDINGS)
async def test_each_journey_keeps_or_takes_its_own_file(
    journeys: Journeys, first: Ending, second: Ending, reverse: bool
) -> None:
    """Two journeys upload to one new account, and end in any way and order: what was agreed to stays, and only that."""
    mine, other = [await journeys.begin(), await journeys.begin()]
    await journeys.connect(mine, file=b"the same")
    assert await journeys.files() == 1
    await journeys.connect(other, file=b"the same" if second == "agree" else b"another")
    assert await journeys.files() == 0, "Nobody has agreed to the file of the other journey."
    one, two = (other, mine) if reverse else (mine, other)
    await journeys.end(one, first)
    assert len(await journeys.accounts()) == 1
    assert set(await journeys.waiting()) == ({None, two} if first == "agree" else {two})
    await journeys.end(two, second)
    agreed = [how for how in (first, second) if how == "agree"]
    assert await journeys.waiting() == [None] * len(agreed)
    accounts = await journeys.accounts()
    assert [account.undecided for account in accounts] == ([False] if agreed else [])


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
async def test_a_sign_in_goes_with_the_journeys_that_signed_in(journeys: Journeys, reverse: bool, both: bool) -> None:
    """The file of the other journey stays, and so does its own sign-in."""
    mine, other = [await journeys.begin(), await journeys.begin()]
    for journey in (other, mine) if reverse else (mine, other):
        await journeys.connect(journey, file=b"" if journey == mine else b"x", signs_in=both or journey == mine)
    await journeys.end(mine, "decline")
    (account,) = await journeys.accounts()
    assert (account.sealed_credentials is not None) is both
    await journeys.end(other, "agree")
    (account,) = await journeys.accounts()
    assert (account.sealed_credentials is not None, await journeys.waiting()) == (both, [None])


@pytest.mark.parametrize("agrees", [False, True])
async def test_who_agrees_to_an_account_agrees_to_its_sign_in(journeys: Journeys, agrees: bool) -> None:
    """But not who only uploads a file to it, while the journey with the sign-in still goes on."""
    mine, other = [await journeys.begin(), await journeys.begin()]
    await journeys.connect(mine, signs_in=True)
    if agrees:
        (account,) = await journeys.accounts()
        async with journeys.platform.database.transaction() as db:
            await agree_to_accounts(db, journeys.library_id, [account.id])
    else:
        await journeys.connect(other, file=b"x")
        await journeys.end(other, "agree")
    await journeys.end(mine, "decline")
    (account,) = await journeys.accounts()
    assert (account.sealed_credentials is not None) is agrees


async def test_what_is_added_on_the_own_pages_stays_alone(journeys: Journeys) -> None:
    """The journey that created the account takes its file when it is declined, also what was shown of it."""
    mine = await journeys.begin()
    await journeys.connect(mine, file=b"x")
    await journeys.connect(None, file=b"x")
    assert await journeys.files() == 0
    await journeys.end(mine, "decline")
    (account,) = await journeys.accounts()
    assert (account.undecided, await journeys.waiting()) == (False, [None])


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, name="Two journeys", document={"dataRequest": EVERYTHING})


def history(folder: Path, number: int) -> Path:
    path = folder / f"{number}.zip"
    path.write_bytes(spotify_zip([play(number, username="ann")]))
    return path


def plays(wire: Wire, tokens: Tokens, session: str) -> str:
    listed = wait_until_over(wire, tokens, session)
    return "".join(texts(wire, tokens, session, listed))


@pytest.mark.parametrize(("who", "ends"), [(0, "decline"), (1, "decline"), (0, "expire"), (1, "agree")])
async def test_two_tabs_add_to_one_new_account(
    wire: Wire, platform: Platform, tmp_path: Path, ends: Ending, who: int
) -> None:
    """The app of the tab that goes on gets its file, and not that of the other tab unless the person agreed there."""
    http = httpx2.Client(timeout=GIVE_UP_SECONDS)
    access = known_person(wire, http).access
    askings = [ask(wire, f"&service={SPOTIFY}", access_token=access) for _ in range(2)]
    tabs = []
    for number, asking in enumerate(askings):
        tabs.append(opened(asking.url, http=http))
        if page_of(tabs[-1]) == "consent":
            tabs[-1].submit("another-source")
            assert tabs[-1].page is not None
            tabs[-1].page.choose("source-id", str(SPOTIFY))
            tabs[-1].submit("continue")
        upload(tabs[-1], SPOTIFY, history(tmp_path, number + 1))
    if ends == "expire":
        past = datetime.now(UTC) - timedelta(minutes=1)
        over = await journey_of(platform, askings[who])
        async with platform.database.transaction() as db:
            await db.execute(update(JourneyRow).where(JourneyRow.id == over.id).values(expires_at=past))
        await sweep(platform)
    else:
        tabs[who].submit("decline" if ends == "decline" else "continue")
    going_on, asking = tabs[1 - who], askings[1 - who]
    going_on.open(going_on.page.url if going_on.page is not None else asking.url)
    going_on.submit("continue")
    found = plays(wire, asking.tokens(str(going_on.left_to)), asking.session)
    mine, others = str(200_000 + 2 - who), str(200_000 + who + 1)
    assert mine in found
    assert (others in found) is (ends == "agree")
