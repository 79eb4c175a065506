"""`read_all_files` that does not read everything: a loop says so at its end, and nobody waits for ever."""

import pickle
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.patience import GIVE_UP_SECONDS
from tests.unit.sdk.scripted import KEY, Scripted, content, file_list, scripted

from privateshare import (
    AsyncPrivateShare,
    AsyncReading,
    ConfigurationError,
    ConsentDeclined,
    ConsentLinkInvalid,
    File,
    FileError,
    FileIntegrityError,
    FilesNotRead,
    InvalidSession,
    PrivateShare,
    ReadIncomplete,
    ReadResult,
    ReadTimeout,
    Session,
    SessionNeverStarted,
    SessionState,
    tables,
)
from privateshare.protocol import jwt
from privateshare.sdk.tokens import Token, UserAccessToken

END = time.time() + 86_400
TOKEN = UserAccessToken(Token("access", END), Token("refresh", END), "user", "consent")
NAMES = [f"file-{number}.json" for number in range(20)]
CHANGED = {NAMES[3]: ["changed"], NAMES[7]: ["changed"]}
SETTINGS = {"contract_id": "contract", "private_key": jwt.private_pem(KEY)}


def client_of(platform: Scripted) -> PrivateShare:
    """The blocking SDK."""
    return PrivateShare("app", base_url=platform.api, **SETTINGS)  # type: ignore[arg-type]


def async_client_of(platform: Scripted) -> AsyncPrivateShare:
    """The asyncio SDK."""
    return AsyncPrivateShare("app", base_url=platform.api, **SETTINGS)  # type: ignore[arg-type]


@pytest.fixture
def broken() -> Iterator[Scripted]:
    """A session of which two files cannot be read."""
    script = {name: list(steps) for name, steps in CHANGED.items()}
    with scripted(Scripted(lambda _: file_list(NAMES), script)) as platform:
        yield platform


@pytest.fixture
def endless() -> Iterator[Scripted]:
    """A session that goes on for ever."""
    with scripted(Scripted(lambda _: file_list(NAMES, "running"), hold=0.2)) as platform:
        yield platform


def readers() -> set[str]:
    """The threads that read, by name."""
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("privateshare-")}


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, with a generous limit."""
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


async def collect(reading: AsyncReading, files: list[File]) -> None:
    """Take the files as they come."""
    async for file in reading:
        files.append(file)


# --- files that fail ---


def test_a_loop_raises_at_its_end_if_files_failed(broken: Scripted) -> None:
    """All other files are returned first. The error has the result, names files, and can be pickled."""
    files: list[File] = []
    with client_of(broken) as app, pytest.raises(FilesNotRead, match="2 of 20 files") as raised:
        files.extend(app.read_all_files("session", TOKEN))
    assert {file.name for file in files} == set(NAMES) - CHANGED.keys()
    result = raised.value.result
    assert {failed.name for failed in result.errors} == CHANGED.keys()
    assert (result.files, result.status.state) == (18, SessionState.COMPLETED)
    assert all(name in str(raised.value) for name in CHANGED)
    assert isinstance(raised.value.__cause__, FileIntegrityError)
    assert isinstance(raised.value, ReadIncomplete)
    again = pickle.loads(pickle.dumps(raised.value))
    assert (str(again), again.result.files) == (str(raised.value), 18)


def test_with_on_file_error_the_loop_does_not_raise(broken: Scripted) -> None:
    """`result()` lists the failed files in either case."""
    told: list[FileError] = []
    with client_of(broken) as app:
        reading = app.read_all_files("session", TOKEN, on_file_error=told.append)
        assert len(list(reading)) == 18
        assert reading.result().errors == told
        assert len(told) == 2


def test_result_lists_failed_files_and_does_not_raise(broken: Scripted) -> None:
    """The caller gets them as a value."""
    with client_of(broken) as app, app.read_all_files("session", TOKEN) as reading:
        assert len(reading.result().errors) == 2
        with pytest.raises(FilesNotRead):
            list(reading)


def test_leaving_a_loop_early_raises_nothing(broken: Scripted) -> None:
    """With `break`, or with an error of the app, which is not replaced. No thread keeps running."""
    with client_of(broken) as app:
        with app.read_all_files("session", TOKEN, parallel=2) as reading:
            for _ in reading:
                break
        with pytest.raises(ZeroDivisionError), app.read_all_files("session", TOKEN, parallel=2) as reading:
            next(1 // 0 for _ in reading)
        for _ in app.read_all_files("session", TOKEN, parallel=2):  # of which nobody keeps a handle
            break
        wait_until(lambda: not readers())
    assert broken.asked.total() < 3 * len(NAMES)


def test_reading_a_newer_version_removes_the_failure() -> None:
    """The older version is not needed any more."""
    states = [file_list(NAMES[:1], "running", 1), file_list(NAMES[:1], "completed", 2)]
    platform = Scripted(lambda number: states[min(number, 2) - 1], {NAMES[0]: ["changed"]}, hold=0)
    with scripted(platform), client_of(platform) as app:
        assert [file.name for file in app.read_all_files("session", TOKEN)] == NAMES[:1]


def test_a_folder_keeps_the_files_that_were_read(broken: Scripted, tmp_path: Path) -> None:
    """The loop raises. The next run fetches only the files that failed."""
    with client_of(broken) as app:
        with pytest.raises(FilesNotRead):
            list(app.read_all_files("session", TOKEN, into=tmp_path))
        files = list(app.read_all_files("session", TOKEN, into=tmp_path))
    assert {file.name for file in files} == CHANGED.keys()
    assert all((tmp_path / name).read_bytes() == content(name) for name in NAMES)


def test_tables_of_an_incomplete_reading_raise(broken: Scripted) -> None:
    """Missing files are not ignored silently."""
    with client_of(broken) as app, pytest.raises(FilesNotRead):
        tables(app.read_all_files("session", TOKEN))


async def test_asyncio_loops_behave_in_the_same_way(broken: Scripted) -> None:
    """They raise without `on_file_error`, and may be left early."""
    files: list[File] = []
    async with async_client_of(broken) as app:
        with pytest.raises(FilesNotRead) as raised:
            await collect(app.read_all_files("session", TOKEN), files)
        assert len(files) == raised.value.result.files == 18
        broken.script.update({name: ["changed"] for name in CHANGED})
        told: list[FileError] = []
        assert len([file async for file in app.read_all_files("session", TOKEN, on_file_error=told.append)]) == 18
        assert {failed.name for failed in told} == CHANGED.keys()
        broken.script.update({name: ["changed"] for name in CHANGED})
        async with app.read_all_files("session", TOKEN) as reading:
            assert len((await reading.result()).errors) == 2
        async with app.read_all_files("session", TOKEN) as reading:
            async for _ in reading:
                break


# --- sessions that do not end ---


def test_a_timeout_limits_the_whole_read(endless: Scripted) -> None:
    """The files that were read are returned, then the loop and the result raise. No thread keeps running."""
    files: list[File] = []
    seconds = 0.75
    with client_of(endless) as app:
        while not files:  # A busy machine may need longer for the first of them.
            seconds *= 2
            began = time.monotonic()
            with pytest.raises(ReadTimeout, match=f"within {seconds:g} seconds") as raised:
                files.extend(app.read_all_files("session", TOKEN, timeout=seconds))
            assert time.monotonic() - began > seconds - 0.1
        assert isinstance(raised.value, TimeoutError)
        assert len(files) == raised.value.result.files
        assert raised.value.result.stopped
        with pytest.raises(ReadTimeout):
            app.read_all_files("session", TOKEN, timeout=0.2).result()
        with pytest.raises(ReadTimeout), app.read_all_files("session", TOKEN, timeout=0) as reading:
            list(reading)
    wait_until(lambda: not readers())


def test_waiting_for_the_result_has_its_own_timeout(endless: Scripted) -> None:
    """The reading continues afterwards, until it is stopped."""
    with client_of(endless) as app, app.read_all_files("session", TOKEN, on_file_data=lambda _: None) as reading:
        with pytest.raises(ReadTimeout, match=r"within 0\.2 seconds"):
            reading.result(timeout=0.2)
        wait_until(lambda: reading_so_far(reading.result).files == 20)
        reading.stop_polling()
        assert reading.result(timeout=GIVE_UP_SECONDS).stopped


def reading_so_far(result: Callable[..., object]) -> ReadResult:
    """What the error of a wait that is over knows."""
    with pytest.raises(ReadTimeout) as raised:
        result(timeout=0)
    return raised.value.result


async def test_timeouts_work_with_asyncio(endless: Scripted) -> None:
    """For a whole read, and for a wait."""
    async with async_client_of(endless) as app:
        with pytest.raises(ReadTimeout):
            await collect(app.read_all_files("session", TOKEN, timeout=0.3), [])
        async with app.read_all_files("session", TOKEN) as reading:
            with pytest.raises(ReadTimeout):
                await reading.result(timeout=0.1)
            reading.stop_polling()
            assert (await reading.result(timeout=GIVE_UP_SECONDS)).stopped


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_an_invalid_timeout_is_rejected(endless: Scripted, timeout: float) -> None:
    """When the reading would start."""
    with client_of(endless) as app, pytest.raises(ConfigurationError, match="timeout"):
        app.read_all_files("session", TOKEN, timeout=timeout)


# --- sessions that never start ---

PENDING: dict[str, object] = {"status": {"state": "pending"}}


def ended_by(code: str) -> dict[str, object]:
    """A session that ended before it began. Protocol 6.1."""
    error = {"code": code, "statusCode": 403, "message": "The person declined"}
    return {"status": {"state": "partial", "details": {}, "error": error}, "fileList": []}


@pytest.mark.parametrize(("code", "cause"), [("USER_CANCEL", ConsentDeclined), ("INVALID_CODE", ConsentLinkInvalid)])
def test_a_declined_session_raises_session_never_started(code: str, cause: type[Exception]) -> None:
    """Immediately, with the reason; from the loop and from the result."""
    platform = Scripted(lambda number: PENDING if number < 2 else ended_by(code), hold=0)
    with scripted(platform), client_of(platform) as app:
        with pytest.raises(SessionNeverStarted, match="The person declined") as raised:
            list(app.read_all_files("session", TOKEN))
        assert isinstance(raised.value.__cause__, cause)
        with pytest.raises(SessionNeverStarted):
            app.read_all_files("session", TOKEN, on_file_error=print).result()


@pytest.mark.parametrize("milliseconds", [True, False])
def test_waiting_ends_with_the_session(milliseconds: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the platform responds after that."""
    monkeypatch.setattr("privateshare.sdk.reading.list_poller.POLL_SECONDS", 0.2)
    expiry = int((time.time() + 1) * (1000 if milliseconds else 1))
    with scripted(Scripted(lambda _: PENDING, hold=0.2)) as platform, client_of(platform) as app:
        began = time.monotonic()
        with pytest.raises(SessionNeverStarted, match="before the session expired"):
            app.read_all_files(Session(key="session", expiry=expiry), TOKEN).result()
        assert time.monotonic() - began < GIVE_UP_SECONDS


def test_a_session_that_expires_while_pending_never_started() -> None:
    """The platform then does not know it any more. A session that was unknown from the start is another error."""

    def lists(number: int) -> dict[str, object]:
        if number > 1:
            raise InvalidSession("The session is invalid")
        return PENDING

    with scripted(Scripted(lists, hold=0)) as platform, client_of(platform) as app:
        with pytest.raises(SessionNeverStarted) as raised:
            list(app.read_all_files("session", TOKEN))
        assert isinstance(raised.value.__cause__, InvalidSession)
        with pytest.raises(InvalidSession):
            list(app.read_all_files("session", TOKEN))


async def test_a_session_that_never_starts_raises_with_asyncio() -> None:
    """From the loop and from the result."""
    with scripted(Scripted(lambda _: ended_by("USER_CANCEL"))) as platform:
        async with async_client_of(platform) as app:
            with pytest.raises(SessionNeverStarted):
                await collect(app.read_all_files("session", TOKEN), [])
            with pytest.raises(SessionNeverStarted):
                await app.read_all_files("session", TOKEN).result()


def test_there_is_a_pause_between_polls_even_if_the_list_always_changes() -> None:
    """A platform that reports a change immediately each time does not cause a busy loop."""
    platform = Scripted(lambda number: file_list([f"file-{number}"], "running"), hold=0)
    with scripted(platform), client_of(platform) as app:
        with pytest.raises(ReadTimeout):
            app.read_all_files("session", TOKEN, timeout=1.5).result()
        assert platform.listed < 12
