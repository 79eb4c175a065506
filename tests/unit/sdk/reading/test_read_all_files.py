"""`read_all_files` where things go wrong, through libcurl (`privateshare[fast]`) and through httpx2."""

import threading
import time
from collections import Counter

import pytest
from tests.patience import GIVE_UP_SECONDS
from tests.unit.sdk.scripted import KEY, Scripted, content, file_list, scripted

from privateshare import AsyncPrivateShare, File, FileError, FileIntegrityError, NetworkError, PrivateShare
from privateshare.protocol import jwt
from privateshare.sdk.reading.file_reader import FileReader
from privateshare.sdk.tokens import Token, UserAccessToken

END = time.time() + 86_400
TOKEN = UserAccessToken(Token("access", END), Token("refresh", END), "user", "consent")
NAMES = [f"file-{number}" for number in range(40)]

pytestmark = pytest.mark.usefixtures("transport")


def client_of(platform: Scripted) -> PrivateShare:
    """The SDK."""
    return PrivateShare("app", contract_id="contract", private_key=jwt.private_pem(KEY), base_url=platform.api)


def is_whole(files: list[File], names: list[str]) -> bool:
    """Whether these are the files of these names, each once, with what they hold."""
    return Counter(file.name for file in files) == Counter(names) and all(
        file.data == content(file.name) for file in files
    )


def test_slow_files_are_not_affected_when_other_workers_finish() -> None:
    """A worker without files takes nothing away from the others."""
    slow = {name: ["slow"] for name in NAMES[-3:]}
    with scripted(Scripted(lambda _: file_list(NAMES), slow)) as platform, client_of(platform) as app:
        with app.read_all_files("session", TOKEN) as reading:
            files = list(reading)
        assert is_whole(files, NAMES)
        assert reading.result().errors == []
        assert set(platform.asked.values()) == {1}


def test_a_loop_waits_while_no_file_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks again after a change, and not all the time: that would take the processor from the downloads."""
    asked: list[int] = []
    take = FileReader.take

    def counted(reader: FileReader) -> list[File]:
        asked.append(len(found := take(reader)))
        return found

    monkeypatch.setattr(FileReader, "take", counted)
    slow = {name: ["slow"] for name in NAMES[:3]}
    with scripted(Scripted(lambda _: file_list(NAMES[:3]), slow)) as platform, client_of(platform) as app:
        assert is_whole(list(app.read_all_files("session", TOKEN)), NAMES[:3])
    assert len(asked) < 50


def test_an_interrupted_download_is_retried() -> None:
    """The partial data is discarded."""
    broken = {NAMES[0]: ["cut"], NAMES[1]: ["cut", "busy"], NAMES[2]: ["busy"]}
    with scripted(Scripted(lambda _: file_list(NAMES), broken)) as platform, client_of(platform) as app:
        files = list(app.read_all_files("session", TOKEN))
        assert is_whole(files, NAMES)
        assert [platform.asked[name] for name in NAMES[:4]] == [2, 3, 2, 1]


def test_a_file_that_cannot_be_read_does_not_affect_the_others() -> None:
    """It is reported with the reason: truncated each time, or changed on the way."""
    told: list[FileError] = []
    broken = {NAMES[0]: ["cut"] * 3, NAMES[1]: ["changed"]}
    with scripted(Scripted(lambda _: file_list(NAMES), broken)) as platform, client_of(platform) as app:
        files: list[File] = []
        result = app.read_all_files("session", TOKEN, on_file_data=files.append, on_file_error=told.append).result()
        assert is_whole(files, NAMES[2:])
        assert result.files == len(NAMES) - 2
        assert {failed.name: type(failed.error) for failed in told} == {
            NAMES[0]: NetworkError,
            NAMES[1]: FileIntegrityError,
        }
        assert result.errors == told


def test_retry_after_for_one_file_does_not_delay_others() -> None:
    """Others are read meanwhile, and not only those that were asked for already."""
    read: list[str] = []
    with (
        scripted(Scripted(lambda _: file_list(NAMES), {NAMES[0]: ["patience"]})) as platform,
        client_of(platform) as app,
    ):
        result = app.read_all_files("session", TOKEN, parallel=2, on_file_data=lambda file: read.append(file.name))
        assert result.result().files == len(NAMES)
    assert read.index(NAMES[0]) > 4


def test_read_ahead_is_limited() -> None:
    """If the app does not take files, at most twice as many as are read at once are requested."""
    with (
        scripted(Scripted(lambda _: file_list(NAMES))) as platform,
        client_of(platform) as app,
        app.read_all_files("session", TOKEN, parallel=4) as reading,
    ):
        before = -1
        while platform.asked.total() > before or before < 8:
            before = platform.asked.total()
            time.sleep(0.3)
        assert before == 8
        assert is_whole(list(reading), NAMES)


@pytest.mark.protocol("6.2")
def test_a_file_that_is_updated_during_the_reading_is_read_again() -> None:
    """Each version is read once."""
    first, then = file_list(NAMES[:2], "running", 1), file_list(NAMES[:3], "completed", 2)
    platform = Scripted(lambda _: first if platform.asked.total() < 2 else then, hold=0.2)
    with scripted(platform), client_of(platform) as app:
        result = app.read_all_files("session", TOKEN, on_file_data=lambda _: None).result()
        assert platform.asked == {NAMES[0]: 2, NAMES[1]: 2, NAMES[2]: 1}
        assert result.files == 5


def test_stopping_does_not_wait_for_a_delayed_list() -> None:
    """The reading ends soon and without an error."""
    platform = Scripted(lambda _: file_list(NAMES, "running"), hold=2 * GIVE_UP_SECONDS)
    with scripted(platform), client_of(platform) as app:
        read = threading.Semaphore(0)
        reading = app.read_all_files("session", TOKEN, on_file_data=lambda _: read.release())
        for _ in NAMES:
            assert read.acquire(timeout=GIVE_UP_SECONDS)
        began = time.monotonic()
        reading.stop_polling()
        result = reading.result()
        assert time.monotonic() - began < platform.hold / 2
        assert result.stopped
        assert result.files == len(NAMES)


def test_an_error_in_a_callback_ends_the_reading() -> None:
    """The app receives that error."""
    with scripted(Scripted(lambda _: file_list(NAMES))) as platform, client_of(platform) as app:

        def full(_: File) -> None:
            raise OSError("the disk is full")

        with pytest.raises(OSError, match="the disk is full"):
            app.read_all_files("session", TOKEN, on_file_data=full).result()
        assert platform.asked.total() < len(NAMES)


async def test_reading_works_with_asyncio() -> None:
    """Callbacks may be coroutine functions."""
    files: list[File] = []

    async def keep(file: File) -> None:
        files.append(file)

    broken = {NAMES[0]: ["cut"]}
    with scripted(Scripted(lambda _: file_list(NAMES), broken)) as platform:
        async with AsyncPrivateShare(
            "app", contract_id="contract", private_key=jwt.private_pem(KEY), base_url=platform.api
        ) as app:
            result = await app.read_all_files("session", TOKEN, on_file_data=keep).result()
    assert is_whole(files, NAMES)
    assert result.errors == []
