"""`/me/…/merge`: two libraries of one person become one; apps read what they read before, and nothing else."""

import re
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from examples.walking import Browser
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError

from privateshare.platform.audit.verification import verify_log
from privateshare.platform.db.tables import (
    AccountRow,
    Base,
    BrowserRow,
    ConsentRow,
    FileRow,
    FormerLibraryRow,
    LibraryRow,
    MergeRow,
    PasskeyRow,
)
from privateshare.platform.keystore.store import KeyMissing
from privateshare.platform.library.libraries import create_library, open_library
from privateshare.platform.me.library_move import CHANGED_IN_PLACE
from privateshare.platform.me.merge_copies import MergePlan, copies_to_make, make_copies
from privateshare.platform.me.merge_job import merge_libraries
from privateshare.platform.runtime import Platform
from privateshare.protocol.envelope import decrypt_stream
from tests.flow.consenting import ask, asking_contract, opened, page_of, spotify_archive, upload
from tests.flow.consents import consent_by_id
from tests.flow.people import SPOTIFY, People
from tests.flow.pushing import IMPORT, descriptor
from tests.flow.security.attacking import Victim, seen, victim
from tests.flow.sessions import texts, triggered, wait_until_over
from tests.flow.wire import Tokens, Wire

# Citus refuses a change of the column by which a table is distributed, so these tests refuse it too.
REFUSE_CHANGES = """
CREATE FUNCTION refuse_another_library() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of % was given another library', TG_TABLE_NAME;
END $$
"""
REFUSE_CHANGE = """
CREATE TRIGGER refuse_another_library BEFORE UPDATE ON {0} FOR EACH ROW
WHEN (OLD.library_id IS DISTINCT FROM NEW.library_id) EXECUTE FUNCTION refuse_another_library()
"""
DISTRIBUTED = [
    table.name
    for table in Base.metadata.sorted_tables
    if "library_id" in table.columns and table.name not in {row.__tablename__ for row in CHANGED_IN_PLACE}
]


@pytest.fixture(scope="module", autouse=True)
async def refused_changes(platform: Platform) -> AsyncIterator[None]:
    """Let the database refuse to move a row of a distributed table to another library."""
    async with platform.database.transaction() as db:
        await db.execute(text(REFUSE_CHANGES))
        for table in DISTRIBUTED:
            await db.execute(text(REFUSE_CHANGE.format(table)))
    yield
    async with platform.database.transaction() as db:
        await db.execute(text("DROP FUNCTION refuse_another_library CASCADE"))


async def test_a_row_keeps_its_library(platform: Platform, people: People) -> None:
    """The refusal itself works, so that the other tests show that nothing is refused."""
    library = await people.library_of((await people.user(await people.contract()))[0])
    async with platform.database.transaction() as db:
        other = await create_library(db, platform)
    with pytest.raises(DBAPIError, match="a row of consents was given another library"):
        async with platform.database.transaction() as db:
            await db.execute(update(ConsentRow).where(ConsentRow.library_id == library).values(library_id=other.id))


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await asking_contract(people, name="Here")


@pytest.fixture(scope="module")
async def other_wire(people: People) -> Wire:
    return await asking_contract(people, name="There", partner="Another Ltd")


def html(browser: Browser) -> str:
    assert browser.page is not None
    return browser.page.html


def at_home(person: Victim) -> Browser:
    browser = opened(f"{person.wire.origin}/me/", http=person.http)
    assert page_of(browser) == "me", html(browser)
    return browser


def code_of(person: Victim) -> str:
    """Return a recovery code of a person, made in their browser."""
    browser = at_home(person)
    browser.open(browser.page.links["Make one"])  # type: ignore[union-attr]
    browser.submit("show-code")
    return html(browser).split("data-recovery-code>")[1].split("<")[0]


def merge_page(person: Victim, home: str) -> Browser:
    browser = opened(f"{home}/merge", http=person.http)
    assert page_of(browser) == "me-merge"
    return browser


def prove_other(here: Victim, there: Victim) -> str:
    """Let a person prove in their browser that another library is theirs too; return their pages' address here."""
    home = str(at_home(here).page.url)  # type: ignore[union-attr]
    code = code_of(there)
    entrance = opened(f"{here.wire.origin}/me/?other=1", http=here.http)
    entrance.submit("recover", extra={"code": code})
    assert page_of(entrance) == "me"
    return home


def merged(browser: Browser) -> None:
    """Press the button, and wait until everything is moved."""
    browser.submit("merge")
    assert "Done. Everything is in one place now" in html(browser), html(browser)


async def rows(platform: Platform, table: Any, library: UUID) -> Sequence[Any]:
    async with platform.database.transaction() as db:
        return list(await db.scalars(select(table).where(table.library_id == library)))


def files(person: Victim) -> dict[str, str]:
    """Return what an app reads now: the hash of each file, by its name without the number of the account."""
    session = triggered(person.wire, person.tokens)
    listed = wait_until_over(person.wire, person.tokens, session)
    assert listed["status"]["state"] in ("completed", "partial")
    texts_ = texts(person.wire, person.tokens, session, listed)
    names = [re.sub(r"^(18_\d+_\d+)_\d+", r"\1", entry["name"]) for entry in listed["fileList"]]
    return dict(zip(names, texts_, strict=True))


async def test_two_libraries_become_one(platform: Platform, wire: Wire, other_wire: Wire) -> None:
    """Each app reads what it read before; equal accounts are one; every way in opens everything; the key is gone."""
    here, there = await victim(platform, wire), await victim(platform, other_wire, leaves_out=SPOTIFY)
    before = files(here), files(there)
    assert all(before)
    stored = await rows(platform, FileRow, here.library)
    home = prove_other(here, there)
    page = merge_page(here, home)
    assert "The data of the person who shared with" in html(page)
    assert "A patient" in html(page)
    assert "Sample: " not in html(page)
    assert "key is destroyed" in html(page)
    merged(page)
    assert not await rows(platform, AccountRow, there.library)
    async with platform.database.transaction() as db:
        assert await db.get(LibraryRow, there.library) is None
        assert (await db.get_one(FormerLibraryRow, (here.library, there.library))).library_id == here.library
        consent = await consent_by_id(db, there.tokens.claims["consentid"])
        assert consent.library_id == here.library
        assert (await verify_log(db, platform.master_key)).problems == []
    with pytest.raises(KeyMissing):
        platform.erasure_keys.store.read(there.library)
    assert len(await rows(platform, AccountRow, here.library)) == 2
    after = await rows(platform, FileRow, here.library)
    assert sum(file.object_count for file in after) == sum(file.object_count for file in stored)
    assert (files(here), files(there)) == before
    for person in (here, there):  # The other browser opens the one library, by the cookie that it has from before.
        browser = at_home(person)
        assert {"Here", "There"} <= set(re.findall(r"Here|There", html(browser)))
        browser.open(f"{browser.page.url}/history")  # type: ignore[union-attr]
        assert html(browser).count("You agreed") == 2
        assert "Another library of yours was moved" in html(browser)
    assert there.wire.refresh(there.tokens.refresh).status_code == 200


async def test_an_account_stays_twice_rather_than_open_more(
    platform: Platform, wire: Wire, other_wire: Wire, tmp_path: Path
) -> None:
    """The same archive, once with later plays: each app reads its own, and a wrong or old form moves nothing."""
    here, there = httpx2.Client(), httpx2.Client()
    tokens = await shares_archive(wire, here, spotify_archive(tmp_path / "old.zip", plays=20))
    other_tokens = await shares_archive(other_wire, there, spotify_archive(tmp_path / "new.zip", plays=40))
    person, other = (
        await person_of(platform, wire, tokens, here),
        await person_of(platform, other_wire, other_tokens, there),
    )
    before = files(person), files(other)
    assert before[0] != before[1]
    accounts = seen(wire, tokens), seen(other_wire, other_tokens)
    assert person.library != other.library  # The same file, and nobody has shown to be the same person.
    page = merge_page(person, prove_other(person, other))
    session = triggered(other_wire, other_tokens)  # Its sync may run while everything is moved.
    merged(page)
    assert wait_until_over(other_wire, other_tokens, session)["fileList"]
    assert (files(person), files(other)) == before
    assert (seen(wire, tokens), seen(other_wire, other_tokens)) == accounts
    assert len(await rows(platform, AccountRow, person.library)) == 2


async def shares_archive(wire: Wire, http: httpx2.Client, archive: Path) -> Tokens:
    asking = ask(wire)
    browser = opened(asking.url, http=http)
    browser.page.choose("source-id", str(SPOTIFY))  # type: ignore[union-attr]
    browser.submit("continue")
    upload(browser, SPOTIFY, archive)
    while page_of(browser) == "preview":
        time.sleep(0.1)
        browser.open(browser.page.url)  # type: ignore[union-attr]
    browser.submit("continue")
    return asking.tokens(str(browser.left_to))


async def person_of(platform: Platform, wire: Wire, tokens: Tokens, http: httpx2.Client) -> Victim:
    async with platform.database.transaction() as db:
        consent = await consent_by_id(db, tokens.claims["consentid"])
    return Victim(wire, tokens, "", http, consent.library_id, {})


async def test_ids_pushed_files_and_unfinished_journeys_go_on(platform: Platform, people: People) -> None:
    """A partner that knows both keeps both ids; what an app pushed is read by it; a journey ends where it began."""
    wire = await asking_contract(people, name="Both")
    here, there = [await victim(platform, wire, sources=[SPOTIFY]) for _ in range(2)]
    subs = here.tokens.claims["sub"], there.tokens.claims["sub"]
    assert len(set(subs)) == 2
    write = await people.contract(kind="write", partner="A writer")
    raw = await people.contract(kind="read-raw", partner="A writer")
    tokens, _ = await people.user(write, sources=(), library_id=there.library)
    raw_tokens, _ = await people.user(raw, sources=(), library_id=there.library)
    others_tokens, _ = await people.user(raw, sources=(), library_id=here.library)

    def push() -> None:
        headers = descriptor(write) | {"Content-Type": "application/octet-stream"}
        assert write.post(IMPORT, access_token=tokens.access, content=b"pushed", headers=headers).status_code == 200

    push()
    asking = ask(wire, access_token=there.tokens.access)
    under_way = opened(asking.url, http=there.http)
    assert page_of(under_way) == "consent"
    merged(merge_page(here, prove_other(here, there)))
    renewed = [wire.tokens(wire.refresh(person.tokens.refresh)).claims["sub"] for person in (here, there)]
    assert tuple(renewed) == subs
    push()
    assert wait_until_over(raw, others_tokens, triggered(raw, others_tokens))["fileList"] == []
    session = triggered(raw, raw_tokens, accept={"compression": "none"})
    listed, _ = wait_until_over(raw, raw_tokens, session)["fileList"]
    answer = raw.get(f"permission-access/query/{session}/{listed['name']}", access_token=raw_tokens.access)
    assert b"".join(decrypt_stream([answer.content], raw.key)) == b"pushed"
    # The page had the cards of both accounts as they were. It shows those of the one library before it shares them.
    under_way.submit("continue")
    assert page_of(under_way) == "consent"
    for entry in under_way.page.form("continue").inputs:  # type: ignore[union-attr]
        entry.chosen = entry.chosen or entry.name in ("account", "kind", "group")
    under_way.submit("continue")
    assert under_way.left_to is not None, re.sub(r"<[^>]+>|\s+", " ", html(under_way))
    assert asking.tokens(str(under_way.left_to)).claims["sub"] == there.tokens.claims["sub"]
    for person in (here, there):  # An app that links to a person goes on knowing them by the same id.
        asking = ask(wire, access_token=person.tokens.access)
        browser = opened(asking.url, http=person.http)
        for entry in browser.page.form("continue").inputs:  # type: ignore[union-attr]
            entry.chosen = entry.chosen or entry.name in ("account", "kind", "group")
        browser.submit("continue")
        assert asking.tokens(str(browser.left_to)).claims["sub"] == person.tokens.claims["sub"]


@pytest.mark.slow
async def test_a_move_that_is_interrupted_ends_well(platform: Platform, wire: Wire, other_wire: Wire) -> None:
    """After any number of copies both libraries are whole; the next run finishes, and reads nothing twice."""
    here, there = await victim(platform, wire), await victim(platform, other_wire, leaves_out=SPOTIFY)
    before = files(here), files(there)
    merge_id = uuid4()
    async with platform.database.transaction() as db:
        mine, theirs = [await open_library(db, platform, person.library) for person in (here, there)]
        plan = MergePlan(merge_id, theirs, mine)
        copies = await copies_to_make(db, plan)
    make_copies(platform.blobs, plan, copies[:3], lambda: None)
    assert (files(here), files(there)) == before
    row = MergeRow(library_id=here.library, id=merge_id, other_id=there.library, other_browser_id=uuid4())
    async with platform.database.transaction() as db:
        db.add(row)
    session = triggered(there.wire, there.tokens)
    for _ in range(2):
        await merge_libraries(platform, here.library, merge_id)
    assert wait_until_over(there.wire, there.tokens, session)["fileList"]
    assert (files(here), files(there)) == before
    assert len(await rows(platform, AccountRow, here.library)) == 2


async def test_nobody_else_merges(platform: Platform, wire: Wire, other_wire: Wire) -> None:
    """Not a link, a strange browser, an app, another site, nor a person who proved one of the two only."""
    here, there = [await victim(platform, one, sources=[SPOTIFY]) for one in (wire, other_wire)]
    home = str(at_home(here).page.url)  # type: ignore[union-attr]
    theirs = str(at_home(there).page.url).rsplit("/", 1)[1]  # type: ignore[union-attr]
    token = str(re.search(r'name="token" value="([^"]+)"', html(at_home(here)))[1])  # type: ignore[index]
    proof = str(re.search(r'name="token" value="([^"]+)"', html(at_home(there)))[1])  # type: ignore[index]
    fields = {"token": token, "other": theirs, "proof": proof, "sure": "yes"}
    # Whoever proved one library only, even with everything that the other person's pages hold.
    assert here.http.post(f"{home}/merge", data=fields).status_code == 303
    assert httpx2.post(f"{home}/merge", data=fields).status_code == 303
    opened(f"{home}/merge?other={theirs}&proof={proof}&sure=yes", http=here.http)
    opened(ask(wire, f"&merge={theirs}", access_token=here.tokens.access).url, http=here.http)
    prove_other(here, there)
    page = merge_page(here, home)
    shown = {entry.name: entry.value for entry in page.page.form("merge").inputs}  # type: ignore[union-attr]
    fields, changed = {"sure": "yes"} | shown, shown["proof"][:-1] + ("E" if shown["proof"].endswith("A") else "A")
    for wrong in ({"proof": changed}, {"proof": ""}, {"token": ""}):
        assert here.http.post(f"{home}/merge", data=fields | wrong).status_code == 403
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert here.http.post(f"{home}/merge", data=fields, headers=headers).status_code == 403
    for wrong in ({"sure": ""}, {"other": home.rsplit("/", 1)[1]}):
        assert here.http.post(f"{home}/merge", data=fields | wrong).status_code == 303
    async with platform.database.transaction() as db:  # A passkey there has to confirm it in this shared browser.
        db.add(PasskeyRow(library_id=there.library, credential_hash=uuid4().bytes, sealed_credential=b"", sign_count=0))
        await db.execute(update(BrowserRow).where(BrowserRow.library_id == there.library).values(confirmed_at=None))
    assert here.http.post(f"{home}/merge", data=fields).status_code == 303
    async with platform.database.transaction() as db:
        merges = select(func.count()).where(MergeRow.library_id.in_([here.library, there.library]))
        assert await db.scalar(merges) == 0
        assert await db.get(LibraryRow, there.library) is not None
