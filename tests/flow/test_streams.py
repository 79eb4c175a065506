"""Tests of long responses: they end when the same call would no longer be allowed."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import select, text, update

from privateshare.platform.db.tables import AccountRow, ConsentRow, ContractRow
from privateshare.platform.grants.consents import revoke_consent
from privateshare.platform.http.streaming import PERMISSION_CHECK_SECONDS
from privateshare.platform.library.erasure import erase_account, erase_library
from privateshare.platform.library.libraries import open_library
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.object_buffer import Slot
from privateshare.platform.library.storages import assign_storage
from privateshare.platform.runtime import Platform
from privateshare.sources.entries import entry_of
from privateshare.sources.registry import Sources
from tests.flow.consents import consent_by_id
from tests.flow.people import SPOTIFY, People
from tests.flow.pushing import IMPORT, descriptor
from tests.flow.sessions import QUERY, triggered, wait_until_over
from tests.flow.slots import record_files
from tests.flow.storage_calls import bearer
from tests.flow.wire import Tokens, Wire

SIZE = 48 * 1024 * 1024
PLAYS = 406
MANY_FILES = text(  # The list has more than SIZE bytes.
    "INSERT INTO stored_files (storage_id, key, id, path, blob, size) "
    "SELECT CAST(:storage AS text), name, gen_random_uuid(), name, name, 0 "
    "FROM (SELECT '/many/' || repeat('x', 400) || n AS name FROM generate_series(1, 60000) AS n)"
)


@dataclass
class Reader:
    """An app that may read something large, and where that is."""

    platform: Platform
    wire: Wire
    tokens: Tokens
    library: UUID
    url: str
    authorization: str


Change = Callable[[Reader], Awaitable[None]]


async def consent_withdrawn(reader: Reader) -> None:
    async with reader.platform.database.transaction() as db:
        await revoke_consent(db, await consent_by_id(db, reader.tokens.claims["consentid"]), datetime.now(UTC))


async def consent_ended(reader: Reader) -> None:
    async with reader.platform.database.transaction() as db:
        this = ConsentRow.id == UUID(reader.tokens.claims["consentid"])
        await db.execute(update(ConsentRow).where(this).values(expires_at=datetime.now(UTC)))


async def contract_ended(reader: Reader) -> None:
    async with reader.platform.database.transaction() as db:
        this = ContractRow.id == reader.wire.contract_id
        await db.execute(update(ContractRow).where(this).values(expires_at=datetime.now(UTC)))


async def account_deleted(reader: Reader) -> None:
    async with reader.platform.database.transaction() as db:
        account = (await db.scalars(select(AccountRow).where(AccountRow.library_id == reader.library))).one()
        await erase_account(db, reader.platform, account)


async def person_deleted(reader: Reader) -> None:
    async with reader.platform.database.transaction() as db:
        await erase_library(db, reader.platform, reader.library)


async def a_file(people: People) -> Reader:
    """Return a mapped file of a month with much in it."""
    wire, tokens, library = await with_much(people)
    session = triggered(wire, tokens, sourceFetch=False, accept={"compression": "none"})
    listed = wait_until_over(wire, tokens, session)["fileList"]
    name = max(listed, key=lambda entry: entry["objectCount"])["name"]
    url = wire.url(f"{QUERY}/{session}/{name}")
    return Reader(people.platform, wire, tokens, library, url, f"Bearer {wire.jwt(access_token=tokens.access)}")


async def a_report(people: People) -> Reader:
    """Return the report of the large file's type."""
    wire, tokens, library = await with_much(people)
    url = wire.url("export/spotify/report?format=xml")
    return Reader(people.platform, wire, tokens, library, url, f"Bearer {wire.jwt(access_token=tokens.access)}")


async def a_pushed_file(people: People) -> Reader:
    """Return a raw file that another contract pushed."""
    write = await people.contract(kind="write", partner="Slow")
    raw = await people.contract(kind="read-raw", partner="Slow")
    pusher, _ = await people.user(write, sources=())
    library = await people.library_of(pusher)
    tokens, session = await people.user(raw, sources=(), library_id=library)
    pushed = write.post(IMPORT, access_token=pusher.access, content=os.urandom(SIZE), headers=descriptor(write))
    assert pushed.status_code == 200, pushed.text
    name = raw.get(f"{QUERY}/{session}", access_token=tokens.access).json()["fileList"][0]["name"]
    url = raw.url(f"{QUERY}/{session}/{name}")
    return Reader(people.platform, raw, tokens, library, url, f"Bearer {raw.jwt(access_token=tokens.access)}")


async def a_stored_file(people: People) -> Reader:
    """Return a file in the storage that the app has for a person."""
    stored = await a_storage(people)
    upload = {"Authorization": stored.authorization}
    assert stored.wire.http.post(f"{stored.url}large", headers=upload, content=os.urandom(SIZE)).status_code == 201
    return replace(stored, url=f"{stored.url}large")


async def a_storage(people: People) -> Reader:
    """Return the storage that the app has for a person."""
    wire = await people.contract()
    tokens, _ = await people.user(wire)
    library = await people.library_of(tokens)
    storage = str(wire.post("storage").json()["id"])
    async with people.platform.database.transaction() as db:
        assert await assign_storage(db, await db.get_one(ContractRow, wire.contract_id), storage, library)
    url = f"{wire.origin}/cloud/v1/clouds/{storage}/files/apps/{wire.application_id}/"
    return Reader(people.platform, wire, tokens, library, url, bearer(wire))


async def a_long_list(people: People) -> Reader:
    """Return the list of a folder with very many files."""
    stored = await a_storage(people)
    async with people.platform.database.transaction() as db:
        await db.execute(MANY_FILES, {"storage": stored.url.split("/")[-5]})
    return replace(stored, url=f"{stored.url}many/?recursive=true")


async def with_much(people: People) -> tuple[Wire, Tokens, UUID]:
    """Return a person with SIZE bytes of one month."""
    wire = await people.contract()
    tokens, session = await people.user(wire, sources=(SPOTIFY,))
    wait_until_over(wire, tokens, session)
    library = await people.library_of(tokens)
    schema, slot = Sources().connectable[SPOTIFY].info.schema, Slot(PLAYS, 199901)
    async with people.platform.database.transaction() as db:
        account = (await db.scalars(select(AccountRow).where(AccountRow.library_id == library))).one()
        mapped_files = MappedFiles(people.platform.blobs, await open_library(db, people.platform, library))
        things = [{"entityid": f"19_{n:06}", "createddate": 916_000_000_000, "text": "x" * 4096} for n in range(13_000)]
        entries = [entry_of(schema, thing) for thing in things]
        await record_files(db, account, slot, schema, mapped_files.write_slot(account.id, schema, [], entries))
    return wire, tokens, library


@pytest.mark.protocol("7.2", "7.5", "11.3", "12.3")
@pytest.mark.parametrize(
    ("what", "change"),
    [
        (a_file, consent_withdrawn),
        pytest.param(a_file, account_deleted, marks=pytest.mark.slow),
        pytest.param(a_file, contract_ended, marks=pytest.mark.slow),
        pytest.param(a_report, consent_withdrawn, marks=pytest.mark.slow),
        pytest.param(a_report, account_deleted, marks=pytest.mark.slow),
        pytest.param(a_report, person_deleted, marks=pytest.mark.slow),
        (a_pushed_file, consent_ended),
        pytest.param(a_pushed_file, person_deleted, marks=pytest.mark.slow),
        (a_stored_file, person_deleted),
        pytest.param(a_stored_file, contract_ended, marks=pytest.mark.slow),
        pytest.param(a_long_list, person_deleted, marks=pytest.mark.slow),
        pytest.param(a_long_list, contract_ended, marks=pytest.mark.slow),
    ],
)
async def test_a_stream_ends_when_its_permission_ends(
    people: People, what: Callable[[People], Awaitable[Reader]], change: Change
) -> None:
    """A slow client receives nothing more once the permission for the call has ended."""
    reader = await what(people)
    whole = sum(await received(reader, None))
    assert whole >= SIZE
    with pytest.raises(httpx2.RemoteProtocolError):
        await received(reader, change)


async def received(reader: Reader, change: Change | None) -> list[int]:
    """Return the sizes of the pieces that arrived; after the first the change is made and the reader takes its time."""
    sizes = []
    with reader.wire.http.stream("GET", reader.url, headers={"Authorization": reader.authorization}) as answer:
        assert answer.status_code == 200, answer.read()
        pieces: Any = answer.iter_raw()
        sizes.append(len(next(pieces)))
        if change is not None:
            await change(reader)
            assert PERMISSION_CHECK_SECONDS < 1
            await asyncio.sleep(1)  # A running read must end within a second.
        sizes.extend(map(len, pieces))
    return sizes
