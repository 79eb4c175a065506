"""Tests of a platform that runs in several processes: they share the requests, and any of them may die."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import httpx2
import psutil
import pytest
from pydantic import SecretStr

from privateshare.errors import ConfigurationError
from privateshare.platform.operating.settings import Settings
from privateshare.platform.processes.child import ProcessRole, run_child
from privateshare.platform.processes.supervisor import start_fork_server
from privateshare.platform.startup import operator_platform
from tests.flow.people import People
from tests.flow.scraping import TOKEN, scraped
from tests.flow.served import Served, serving_as_people_do
from tests.flow.sessions import QUERY, triggered, wait_until_over
from tests.patience import GIVE_UP_SECONDS, wait_for

_T = TypeVar("_T")
TWO = {"PRIVATESHARE_PROCESSES": "2", "PRIVATESHARE_METRICS_TOKEN": TOKEN}


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Provide a platform with two processes for requests and one for syncs."""
    with serving_as_people_do(tmp_path_factory.mktemp("several") / "data", environment=TWO) as served:
        yield served


@pytest.fixture(scope="module")
async def people(several: Served) -> AsyncIterator[People]:
    async with operator_platform(Settings(data=several.data, database_pool_size=2)) as platform:
        yield People(platform, several.origin)


def children(served: Served) -> list[psutil.Process]:
    """Return the processes that answer requests or run syncs. All have one parent, from which they are forked."""
    return [child for child in psutil.Process(served.process.pid).children(recursive=True) if _is_forked(child)]


def _is_forked(child: psutil.Process) -> bool:
    try:
        return "forkserver" in "".join(child.cmdline()) and not child.children()
    except psutil.Error:  # It ends just now.
        return False


def listeners(served: Served) -> list[psutil.Process]:
    """Return the processes that answer requests."""
    return [child for child in children(served) if _listens(child)]


def _listens(child: psutil.Process) -> bool:
    try:
        return any(one.status == "LISTEN" for one in child.net_connections())
    except psutil.Error:
        return False


async def test_an_app_reads_everything_while_processes_die(several: Served, people: People) -> None:
    """Each process is killed once while people's data is fetched and read. Others take over, and all is read."""
    wire = await people.contract()
    tokens, first = await people.user(wire)
    names = [entry["name"] for entry in wait_until_over(wire, tokens, first)["fileList"]]
    wait_for(lambda: len(children(several)) == 3)
    for victim in children(several):
        session = triggered(wire, tokens)
        victim.send_signal(signal.SIGKILL)
        listed = _patiently(lambda: wait_until_over(wire, tokens, session))  # noqa: B023 - it runs within this turn
        assert [entry["name"] for entry in listed["fileList"]] == names
        for name in names:
            answer = _patiently(lambda: wire.get(f"{QUERY}/{session}/{name}", access_token=tokens.access))  # noqa: B023
            assert answer.status_code == 200
    wait_for(lambda: len(listeners(several)) == 2 and len(children(several)) == 3)
    assert several.log.read_text().count("a process ended and is started again") == 3


def test_metrics_are_sums_over_all_processes(several: Served) -> None:
    """However often they are read, and from whichever process, each count includes the requests of all processes."""
    before = _pages_counted(several)
    for _ in range(20):
        with httpx2.Client() as client:  # A new connection may reach the other process.
            assert client.get(f"{several.origin}/").status_code == 200
    wait_for(lambda: _pages_counted(several) == before + 20)  # A request is counted after its response is sent.
    assert {_pages_counted(several) for _ in range(10)} == {before + 20}


@pytest.mark.slow
def test_limits_hold_for_all_processes_together(tmp_path: Path) -> None:
    """A caller has the same number of requests, however many processes answer them."""
    environment = {**TWO, "PRIVATESHARE_UNSIGNED_CALLS_PER_MINUTE": "50"}
    with serving_as_people_do(tmp_path / "data", environment=environment) as served:
        statuses = []
        for _ in range(150):
            with httpx2.Client() as client:
                statuses.append(client.get(f"{served.origin}/me").status_code)
    assert statuses.count(429) > 0
    assert 50 <= len(statuses) - statuses.count(429) < 90  # If each process counted for itself, it would be 100.


def test_a_process_that_finds_no_database_says_so_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It ends, and its supervisor starts another one until the database is there again."""
    settings = Settings(data=tmp_path, database_url=SecretStr(f"postgresql:///none?host={tmp_path}&user=nobody"))
    process = get_context("spawn").Process(target=run_child, args=(settings, ProcessRole.WORKER, 0))
    process.start()
    process.join(GIVE_UP_SECONDS)
    told = capfd.readouterr()
    assert process.exitcode == 1
    assert "the database is not available" in told.out + told.err
    assert "Traceback" not in told.out + told.err


@pytest.mark.slow
def test_all_processes_end_with_their_supervisor(tmp_path: Path) -> None:
    """SIGTERM ends all of them in order, and a kill of the first leaves none; a restart finds the port free."""
    data = tmp_path / "data"
    for number, status in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, 0)):
        with serving_as_people_do(data, environment=TWO) as served:
            wait_for(lambda: len(children(served)) == 3)
            pids = [child.pid for child in children(served)]
            served.process.send_signal(number)
            assert served.process.wait(GIVE_UP_SECONDS) == status
            wait_for(lambda: not any(psutil.pid_exists(pid) for pid in pids))  # noqa: B023 - it runs within this turn
            assert "Traceback" not in served.log.read_text()


async def test_a_platform_whose_processes_cannot_start_says_so(tmp_path: Path) -> None:
    """It does not try for ever."""
    settings = Settings(data=tmp_path / "nothing here", processes=2)
    with start_fork_server() as supervisor:
        with pytest.raises(ExceptionGroup) as caught:
            await supervisor.run(settings, 0, asyncio.Event())
        assert caught.group_contains(ConfigurationError, match="process ended while the platform started")


def _patiently(attempt: Callable[[], _T]) -> _T:
    """Do as a client does: try again when a connection breaks, since its process was killed."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while True:
        try:
            return attempt()
        except httpx2.TransportError:
            assert time.monotonic() < give_up
            time.sleep(0.05)


def _pages_counted(served: Served) -> float:
    line = 'privateshare_calls_total{method="GET",route="/",status="200"} '
    return sum(float(one.removeprefix(line)) for one in scraped(served.origin).splitlines() if one.startswith(line))
