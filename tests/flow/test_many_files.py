"""Tests of very many files that are read at once: none is lost, and pages stay fast."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from privateshare import PrivateShare, Session, SessionOptions, UserAccessToken
from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from privateshare.protocol import jwt
from tests.flow.consenting import ask, asking_contract
from tests.flow.many_files import add_files
from tests.flow.node_client import Task
from tests.flow.people import People
from tests.flow.sdk_client import client_of
from tests.flow.served import serving
from tests.flow.wire import REDIRECT_URI, Tokens, Wire, query_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
FILES, AT_ONCE, PARALLEL = 10_000, 2_000, 200
PAGE_SECONDS = 1.0  # A person's page must load within this time.


@dataclass
class Reader:
    """An app that may read a person's very many files."""

    people: People
    wire: Wire
    app: PrivateShare
    token: UserAccessToken
    session: Session


@pytest.fixture(scope="module")
async def reader(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Reader]:
    """Provide a client on its own platform."""
    data = tmp_path_factory.mktemp("many") / "data"
    with serving(data) as served:
        async with operator_platform(Settings(data=data, database_pool_size=5)) as platform:
            people = People(platform, served.origin)
            wire = await people.contract()
            with client_of(wire) as app:
                asked = app.get_authorize_url(REDIRECT_URI)
                code = await people.consent(query_of(asked.url)["code"])
                token = app.exchange_code_for_token(code, asked.code_verifier)
                app.read_all_files(asked.session, token).result()  # These are the files that the person really has.
                library_id = await people.library_of(Tokens("", "", {"consentid": token.consent_id}))
                await add_files(platform, library_id, FILES)
                session = app.read_session(token, SessionOptions(source_fetch=False))
                yield Reader(people, wire, app, token, session)


@contextmanager
def page_times(link: str) -> Iterator[list[float]]:
    """Measure how long a person waits for pages in the meantime. The list of seconds is filled at the end."""
    times: list[float] = []
    command = [sys.executable, "-m", "tests.flow.page_times", link]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield times
        told, _ = process.communicate("")
    assert process.returncode == 0
    times += json.loads(told)


async def person_link(reader: Reader) -> str:
    """Return the link of another person, whom another app sent to the pages."""
    return ask(await asking_contract(reader.people)).url


@pytest.mark.protocol("13")
async def test_two_thousand_requests_at_once_all_get_their_file(reader: Reader) -> None:
    """A client like the official one, which retries only twice, loses none."""
    names = [entry.name for entry in reader.app.read_file_list(reader.session, reader.token).file_list or []]
    assert len(names) > FILES
    task = Task(
        address=reader.wire.url(f"permission-access/query/{reader.session.key}"),
        names=names[:AT_ONCE],
        client_id=reader.wire.client_id,
        access_token=reader.token.access_token.value,
        private_key=jwt.private_pem(reader.wire.key),
    )
    with page_times(await person_link(reader)) as times:
        command = [sys.executable, "-m", "tests.flow.node_client"]
        done = await asyncio.to_thread(
            subprocess.run, command, input=json.dumps(asdict(task)), capture_output=True, text=True, check=True
        )
    outcome = json.loads(done.stdout)
    print(outcome, "pages", len(times), "slowest", max(times))
    assert (outcome["good"], outcome["others"]) == (AT_ONCE, {})
    assert len(times) > 20
    assert max(times) < PAGE_SECONDS


async def test_ten_thousand_files_all_arrive(reader: Reader, tmp_path: Path) -> None:
    """The SDK with many parallel requests gets every file, and nobody else is slowed down."""
    link = await person_link(reader)
    with page_times(link) as times:
        reading = reader.app.read_all_files(reader.session, reader.token, parallel=PARALLEL, into=tmp_path)
        result = await asyncio.to_thread(reading.result)
    print(result.files, "files; pages", len(times), "slowest", max(times))
    assert (result.errors, result.skipped) == ([], 0)
    assert result.files == len(result.file_list) > FILES
    assert len(times) > 20
    assert max(times) < PAGE_SECONDS
