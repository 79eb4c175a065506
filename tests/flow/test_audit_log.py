"""The audit log: what is in it, who can read it, and that no change of it goes unnoticed."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.errors import Unavailable
from privateshare.platform.audit.chain import BATCH_ENTRIES, append_entries, first_link, newest_head, next_link
from privateshare.platform.audit.entries import Event, EventKind, PersonLog, entry_digest, record_event
from privateshare.platform.audit.history import app_activities, happenings
from privateshare.platform.audit.reads import ReadLog
from privateshare.platform.audit.verification import Verification, verify_log
from privateshare.platform.db.engine import Database
from privateshare.platform.db.tables import AuditEntryRow
from privateshare.platform.keys.signing import Signer, database_name, rotate_signing_key
from privateshare.platform.keys.wrapping import new_data_key
from privateshare.platform.library.erasure import erase_library
from privateshare.platform.library.libraries import OpenLibrary, create_library, open_library
from privateshare.platform.operating.settings import Settings
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import operator_platform, running_platform
from privateshare.protocol import jwt
from tests.flow.command_line import OperatorCommand
from tests.flow.consenting import asking_contract
from tests.flow.databases import copy_database
from tests.flow.people import SPOTIFY, People
from tests.flow.security.attacking import Victim, victim
from tests.flow.served import Served, serving
from tests.flow.sessions import read, triggered, wait_until_over
from tests.flow.wire import Wire
from tests.patience import GIVE_UP_SECONDS, wait_for

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ENTRIES = 12


@dataclass
class Log:
    """A platform that serves nobody, with a person and a log of some entries in three batches."""

    platform: Platform
    library: OpenLibrary
    heads: list[str]

    async def verify(self, db: AsyncSession, saved: list[str] | None = None) -> Verification:
        return await verify_log(db, self.platform.master_key, saved or [])


@pytest.fixture(scope="module")
async def log(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Log]:
    """Provide a log that tests tamper with, each in a transaction that it rolls back."""
    folder = tmp_path_factory.mktemp("audit") / "data"
    copy_database(folder)
    async with running_platform(Settings(data=folder, database_pool_size=5)) as (platform, _):
        async with platform.database.transaction() as db:
            library = await create_library(db, platform)
        heads = []
        for batch in range(3):
            async with platform.database.transaction() as db:
                for number in range(ENTRIES // 3):
                    facts = {"consent": str(uuid4()), "read": {"playhistory": [number, 100]}}
                    moment = NOW + timedelta(hours=batch, minutes=number)
                    await record_event(db, library, Event(EventKind.READ, facts), moment)
                assert await append_entries(db, platform.signer, moment) == ENTRIES // 3
                heads.append(str(await newest_head(db)))
        yield Log(platform, library, heads)


async def test_an_untouched_log_is_intact(log: Log) -> None:
    async with log.platform.database.session() as db:
        found = await log.verify(db, log.heads)
    assert found == Verification(entries=ENTRIES, heads=3, saved_heads=3)


Tamper = Callable[[AsyncSession, Log], Awaitable[object]]


def sql(statement: str) -> Tamper:
    """Return a change of the database by one statement."""

    async def change(db: AsyncSession, _log: Log) -> None:
        await db.execute(text(statement))

    return change


async def _with_digest(db: AsyncSession, log: Log) -> None:
    """Replace an entry by another with the right digest, sealed with the person's key."""
    row = await db.scalar(select(AuditEntryRow).where(AuditEntryRow.number == 5))
    assert row is not None
    row.content = log.library.seal("audit entry", row.id, b'{"event":"read"}')
    row.digest = entry_digest(row.id, row.log_id, row.created_at, row.content)
    await db.flush()


async def _with_link(db: AsyncSession, log: Log) -> None:
    """Replace an entry, and give it the link that belongs to it."""
    await _with_digest(db, log)
    row = await db.scalar(select(AuditEntryRow).where(AuditEntryRow.number == 5))
    before = await db.scalar(select(AuditEntryRow.link).where(AuditEntryRow.number == 4))
    assert row is not None
    assert before is not None
    row.link = next_link(before, 5, row.digest)
    await db.flush()


async def _rewritten(db: AsyncSession, log: Log) -> None:
    """Replace an entry and write the chain after it anew, but without the platform's signing key."""
    await _with_digest(db, log)
    await _relink(db)


async def _relink(db: AsyncSession) -> None:
    link = first_link(await database_name(db))
    for row in await db.scalars(select(AuditEntryRow).order_by(AuditEntryRow.number)):
        link = row.link = next_link(link, row.number or 0, row.digest)
    await db.flush()


async def _signed_with_a_new_key(db: AsyncSession, log: Log) -> None:
    """Write the log anew from an entry on, and sign it with a key of one's own that is put among the platform's."""
    await _rewritten(db, log)
    key = generate_private_key(65537, 2048)
    pem = jwt.public_pem(key.public_key())
    await db.execute(text("INSERT INTO signing_keys VALUES ('mine', 'x', :pem, now())"), {"pem": pem})
    await _resign(db, Signer("mine", key))


async def _resign(db: AsyncSession, signer: Signer) -> None:
    await db.execute(text("UPDATE audit_entries SET number = NULL, link = NULL"))
    await db.execute(text("DELETE FROM audit_heads"))
    while await append_entries(db, signer, NOW):
        pass


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (sql("UPDATE audit_entries SET content = content || 'x' WHERE number = 5"), "entry 5 was changed"),
        (sql("UPDATE audit_entries SET created_at = created_at - interval '1 us' WHERE number = 5"), "entry 5 was"),
        (sql("UPDATE audit_entries SET log_id = gen_random_uuid() WHERE number = 5"), "entry 5 was changed"),
        (sql("UPDATE audit_entries SET log_id = NULL WHERE number = 5"), "entry 5 was changed"),
        (sql("UPDATE audit_entries SET content = NULL WHERE number = 5"), "nobody was erased"),
        (sql("UPDATE audit_entries SET content = NULL, log_id = NULL WHERE number = 5"), "nobody was erased"),
        (sql("UPDATE audit_entries SET digest = digest || 'x' WHERE number = 5"), "entry 5 does not follow entry 4"),
        (sql("UPDATE audit_entries SET link = digest WHERE number = 5"), "entry 5 does not follow entry 4"),
        (_with_digest, "entry 5 does not follow entry 4"),
        (_with_link, "entry 6 does not follow entry 5"),
        (_rewritten, "the log was rewritten"),
        (_signed_with_a_new_key, "no valid signature of this platform"),
        (sql("DELETE FROM audit_entries WHERE number = 5"), "the entries 5 to 5 are missing"),
        (sql("DELETE FROM audit_entries WHERE number = 1"), "the entries 1 to 1 are missing"),
        (sql("DELETE FROM audit_entries WHERE number > 10"), "the end is missing"),
        (sql("DELETE FROM audit_entries"), "the end is missing"),
        (sql("DELETE FROM audit_heads WHERE number = 12"), "heads were removed"),
        (sql("DELETE FROM audit_heads"), "heads were removed"),
        (sql("UPDATE audit_heads SET signed = signed || 'A' WHERE number = 8"), "no valid signature"),
        (sql("UPDATE audit_heads SET number = 7 WHERE number = 8"), "no valid signature"),
        (sql("UPDATE audit_entries SET number = number + 100 WHERE number IN (5, 6)"), "5 to 6 are missing"),
    ],
)
async def test_a_change_is_found(log: Log, change: Tamper, problem: str) -> None:
    """Whoever can write to the database, but has no key, cannot change the log unnoticed."""
    async with log.platform.database.session() as db:
        await change(db, log)
        found = await log.verify(db)
    assert any(problem in said for said in found.problems), found.problems


async def test_two_entries_that_change_places_are_found(log: Log) -> None:
    async with log.platform.database.session() as db:
        for number, new in ((5, 1000), (6, 5), (1000, 6)):
            await db.execute(update(AuditEntryRow).where(AuditEntryRow.number == number).values(number=new))
        found = await log.verify(db)
    assert any("entry 5 does not follow entry 4" in said for said in found.problems), found.problems


async def _emptied(db: AsyncSession, _log: Log) -> None:
    """Remove everything."""
    await db.execute(text("DELETE FROM audit_entries"))
    await db.execute(text("DELETE FROM audit_heads"))


async def _cut_off(db: AsyncSession, _log: Log) -> None:
    """Remove the last batch with its head, so that the log looks as it did before."""
    await db.execute(text("DELETE FROM audit_entries WHERE number > 8"))
    await db.execute(text("DELETE FROM audit_heads WHERE number > 8"))


async def _rewritten_by_the_operator(db: AsyncSession, log: Log) -> None:
    """Replace an entry and write everything after it anew, with the platform's own key."""
    await _with_digest(db, log)
    await _resign(db, log.platform.signer)


async def _forked(db: AsyncSession, log: Log) -> None:
    """Cut off the log, and go on with other entries, so that it is as long as before."""
    await _cut_off(db, log)
    for _ in range(4):
        await record_event(db, log.library, Event(EventKind.READ), NOW)
    await append_entries(db, log.platform.signer, NOW)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_cut_off, "some were removed"),
        (_emptied, "some were removed"),
        (_rewritten_by_the_operator, "the log was rewritten"),
        (_forked, "the log was rewritten"),
    ],
)
async def test_saved_heads_show_what_the_holder_of_every_key_changed(log: Log, change: Tamper, problem: str) -> None:
    """Without a saved head the log looks intact, which `docs/security.md` says; with one it does not."""
    async with log.platform.database.session() as db:
        await change(db, log)
        assert (await log.verify(db)).problems == []
        found = await log.verify(db, log.heads)
    assert any(problem in said for said in found.problems), found.problems


async def test_a_head_of_another_log_or_an_unsigned_one_is_refused(log: Log) -> None:
    """Saved heads count only with a signature of this platform, for this log."""
    stranger = Signer("x", generate_private_key(65537, 2048))
    forged = stranger.sign_statement({"log": "x", "entries": 4, "head": "x", "time": ""}, "privateshare-log-head+jwt")
    other = log.platform.signer.sign_statement({"log": "other", "entries": 4, "head": "eA", "time": ""}, "JWT")
    async with log.platform.database.session() as db:
        for saved in (forged, other, "not a head", ""):
            found = await log.verify(db, [saved])
            assert any("no valid signature" in said for said in found.problems), saved


async def test_heads_of_older_signing_keys_stay_valid(log: Log) -> None:
    async with log.platform.database.session() as db:
        await rotate_signing_key(db, log.platform.master_key)
        assert (await log.verify(db, log.heads)).problems == []


async def test_an_entry_that_waits_for_its_number_is_checked_too(log: Log) -> None:
    async with log.platform.database.session() as db:
        await record_event(db, log.library, Event(EventKind.READ), NOW)
        assert (await log.verify(db)).waiting == 1
        await db.execute(text("UPDATE audit_entries SET content = 'x' WHERE number IS NULL"))
        (problem,) = (await log.verify(db)).problems
        assert "waits for its number" in problem


async def test_missing_entries_are_not_numbered_anew(log: Log) -> None:
    """If the end was removed, the log goes on after the last signed head, so that the gap stays."""
    async with log.platform.database.session() as db:
        await db.execute(text("DELETE FROM audit_entries WHERE number > 10"))
        await record_event(db, log.library, Event(EventKind.READ), NOW)
        await append_entries(db, log.platform.signer, NOW)
        assert await db.scalar(select(func.max(AuditEntryRow.number))) == ENTRIES + 1
        found = await log.verify(db)
    assert "the entries 11 to 12 are missing" in found.problems


async def test_many_entries_are_appended_in_batches(log: Log) -> None:
    async with log.platform.database.session() as db:
        for _ in range(BATCH_ENTRIES + 1):
            await record_event(db, log.library, Event(EventKind.READ), NOW)
        assert await append_entries(db, log.platform.signer, NOW) == BATCH_ENTRIES
        assert await append_entries(db, log.platform.signer, NOW) == 1
        assert (await log.verify(db, log.heads)).problems == []


async def test_two_processes_append_one_after_the_other(log: Log) -> None:
    """While one appends, another does nothing, and does not wait."""
    async with log.platform.database.session() as one, log.platform.database.session() as other:
        await record_event(one, log.library, Event(EventKind.READ), NOW)
        assert await append_entries(one, log.platform.signer, NOW) == 1
        async with asyncio.timeout(GIVE_UP_SECONDS):
            assert await append_entries(other, log.platform.signer, NOW) == 0


# --- reads on their way to the log ---


@dataclass
class Logged:
    """An open library of which nothing is known but its id and its part of the log."""

    id: UUID
    log: PersonLog


def logged() -> Logged:
    return Logged(uuid4(), PersonLog(uuid4(), new_data_key()))


async def test_reads_of_one_consent_are_one_entry(log: Log) -> None:
    reads, consent = ReadLog(log.platform.database, log.platform.signer), uuid4()
    for size in (10, 20):
        await reads.add(log.library, consent, "contract", "playhistory", size)
    await reads.add(log.library, consent, "contract", "accounts", 5)
    await reads.write()
    async with log.platform.database.session() as db:
        (event,) = [event for event in await happenings(db, log.library) if event.consent_id == consent]
        assert event.facts["read"] == {"playhistory": [2, 30], "accounts": [1, 5]}
        ((activity,),) = [app_activities([event])[consent]]
        assert (activity.file_count, activity.size) == (3, 35)
        await db.execute(text("DELETE FROM audit_entries WHERE number IS NULL"))
        await db.commit()


async def test_a_flood_of_reads_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """While nothing can be written, at most so many consents are counted, and further reads are refused."""
    monkeypatch.setattr("privateshare.platform.audit.reads.LONGEST_WAIT_SECONDS", 0.05)
    monkeypatch.setattr("privateshare.platform.db.engine.POOL_TIMEOUT_SECONDS", 0.5)
    database = Database("postgresql://nobody@127.0.0.1:1/none", 2)
    reads = ReadLog(database, Signer("x", generate_private_key(65537, 2048)), max_consents=3)
    library = logged()
    consents = [uuid4() for _ in range(3)]
    for consent in consents:
        await reads.add(library, consent, "contract", "playhistory", 1)
    with pytest.raises(Unavailable, match="audit log"):
        await reads.add(library, uuid4(), "contract", "playhistory", 1)
    await reads.add(library, consents[0], "contract", "playhistory", 1)
    with pytest.raises(Exception, match=r"refused|connection"):
        await reads.write()
    assert reads.waiting == 3
    await reads.close()
    await database.close()


async def test_a_read_that_waits_goes_on_once_the_others_are_written(log: Log) -> None:
    reads = ReadLog(log.platform.database, log.platform.signer, max_consents=1)
    writing = asyncio.create_task(reads.run())
    async with asyncio.timeout(GIVE_UP_SECONDS):
        for _ in range(3):
            await reads.add(logged(), uuid4(), "contract", "playhistory", 1)
    writing.cancel()
    await asyncio.wait([writing])
    async with log.platform.database.transaction() as db:
        await db.execute(text("DELETE FROM audit_entries WHERE number IS NULL"))


# --- on a platform that serves ---


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people)


@pytest.fixture(scope="module")
async def mia(platform: Platform, wire: Wire) -> Victim:
    """Provide a person who shares Spotify with an app, which reads it."""
    person = await victim(platform, wire, sources=[SPOTIFY])
    wait_until_over(wire, person.tokens, person.session)
    return person


async def _events(platform: Platform, library_id: UUID) -> list[tuple[str, dict[str, Any]]]:
    async with platform.database.transaction() as db:
        library = await open_library(db, platform, library_id)
        return [(event.kind, dict(event.facts)) for event in await happenings(db, library)]


async def _until_logged(platform: Platform, library_id: UUID, kind: EventKind, times: int = 1) -> list[dict[str, Any]]:
    """Wait for entries of a kind, and return what they say, the newest first."""
    async with asyncio.timeout(GIVE_UP_SECONDS):
        while True:
            found = [facts for named, facts in await _events(platform, library_id) if named == kind]
            if len(found) >= times:
                return found
            await asyncio.sleep(0.05)


async def test_what_an_app_does_is_logged(platform: Platform, wire: Wire, mia: Victim) -> None:
    """The consent, a read with its kinds, files and bytes, the renewal of access, and the person's sign-ins."""
    session = triggered(wire, mia.tokens)
    listed = wait_until_over(wire, mia.tokens, session)
    name = next(entry["name"] for entry in listed["fileList"] if entry["name"] != "accounts.json")
    _, header = read(wire, mia.tokens, session, name)
    (facts,) = await _until_logged(platform, mia.library, EventKind.READ)
    assert facts["consent"] == mia.tokens.claims["consentid"]
    assert facts["contract"] == wire.contract_id
    assert facts["read"] == {header["metadata"]["objectType"]: [1, header["size"]]}
    mia.tokens = wire.tokens(wire.refresh(mia.tokens.refresh))
    kinds = [kind for kind, _ in await _events(platform, mia.library)]
    assert kinds[0] == EventKind.ACCESS_RENEWED
    assert EventKind.CONSENT_GIVEN in kinds
    assert EventKind.SIGN_IN_ADDED in kinds


async def test_looking_at_headers_is_no_read(platform: Platform, wire: Wire) -> None:
    """A file's headers hold no content. The list of accounts names the person, so it counts as a read."""
    person = await victim(platform, wire, sources=[SPOTIFY])
    listed = wait_until_over(wire, person.tokens, person.session)
    path = f"permission-access/query/{person.session}/{listed['fileList'][0]['name']}"
    assert wire.call("HEAD", path, access_token=person.tokens.access).status_code == 200
    assert wire.get("permission-access/accounts", access_token=person.tokens.access).status_code == 200
    (added,) = await _until_logged(platform, person.library, EventKind.READ)
    assert added["read"].keys() == {"accounts"}


async def test_withdrawal_is_logged_with_who_did_it(
    served: Served, platform: Platform, wire: Wire, tmp_path: Path
) -> None:
    person = await victim(platform, wire, sources=[SPOTIFY])
    OperatorCommand(served.data).json("person", "withdraw", person.tokens.claims["consentid"], "--yes")
    (facts,) = await _until_logged(platform, person.library, EventKind.CONSENT_WITHDRAWN)
    assert facts["by"] == "the operator"


async def test_erasure_leaves_the_chain_and_no_content(served: Served, platform: Platform, wire: Wire) -> None:
    """The entries of an erased person stay in the chain as digests; nothing of their content is left."""
    person = await victim(platform, wire, sources=[SPOTIFY])
    async with platform.database.transaction() as db:
        log_id = (await open_library(db, platform, person.library)).log.id
        await erase_library(db, platform, person.library)
        rows = await db.scalars(select(AuditEntryRow).where(AuditEntryRow.log_id == log_id))
        contents = [row.content for row in rows]
    assert contents
    assert set(contents) == {None}
    found = OperatorCommand(served.data).json("audit", "verify")
    assert found["intact"]
    assert found["erased"] >= len(contents)


async def test_one_person_cannot_read_the_entries_of_another(platform: Platform, wire: Wire, mia: Victim) -> None:
    """The content is sealed with each person's key, and bound to the entry."""
    other = await victim(platform, wire, sources=[SPOTIFY])
    async with platform.database.session() as db:
        library = await open_library(db, platform, other.library)
        robbed = await open_library(db, platform, mia.library)
        stolen = update(AuditEntryRow).where(AuditEntryRow.log_id == robbed.log.id).values(log_id=library.log.id)
        before = len(await happenings(db, library))
        await db.execute(stolen)
        assert len(await happenings(db, library)) == before


@pytest.mark.protocol("15.1")
async def test_the_head_is_published_and_checked(served: Served, wire: Wire, mia: Victim, tmp_path: Path) -> None:
    """Anybody can save the head; the operator's command compares the log with it."""
    address = f"{served.origin}/.well-known/privateshare-log"
    wait_for(lambda: wire.http.get(address).status_code == 200)
    answer = wire.http.get(address)
    header, claims = jwt.read_header(answer.json()["head"]), jwt.read_unverified(answer.json()["head"])
    keys = wire.http.get(answer.json()["jwksUri"]).json()["keys"]
    public = jwt.load_public_key(next(key["pem"] for key in keys if key["kid"] == header["kid"]))
    assert jwt.verify(answer.json()["head"], public) == claims
    saved = tmp_path / "heads.jsonl"
    command = OperatorCommand(served.data)
    saved.write_text(f"{answer.text}\n{command('audit', 'head').stdout}")
    found = command.json("audit", "verify", "--heads", saved)
    assert (found["intact"], found["saved_heads"]) == (True, 2)
    saved.write_text("nonsense\n")
    assert command("audit", "verify", "--heads", saved).returncode == 1


async def test_operators_actions_are_logged(served: Served, platform: Platform) -> None:
    made = OperatorCommand(served.data).json("app", "create", "Logged App")
    async with platform.database.transaction() as db:
        rows = await db.scalars(select(AuditEntryRow.content).where(AuditEntryRow.log_id.is_(None)))
        assert any(made["application_id"].encode() in (content or b"") for content in rows)


async def test_a_normal_end_writes_the_last_reads(tmp_path: Path) -> None:
    """A read a moment before the platform stops is in the log, and the log is intact afterwards."""
    data = tmp_path / "data"
    with serving(data) as running:
        async with operator_platform(Settings(data=data, database_pool_size=5)) as inside:
            people = People(inside, running.origin)
            wire = await people.contract()
            tokens, session = await people.user(wire)
            library_id = await people.library_of(tokens)
        listed = await asyncio.to_thread(wait_until_over, wire, tokens, session)
        await asyncio.to_thread(read, wire, tokens, session, listed["fileList"][0]["name"])
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(GIVE_UP_SECONDS) == 0
    async with running_platform(Settings(data=data, database_pool_size=5)) as (platform, _):
        assert [facts for kind, facts in await _events(platform, library_id) if kind == EventKind.READ]
        async with platform.database.transaction() as db:
            assert (await verify_log(db, platform.master_key)).problems == []
