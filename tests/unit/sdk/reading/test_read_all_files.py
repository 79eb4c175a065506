"""`read_all_files` where things go wrong, through libcurl (`privateshare[fast]`) and through httpx2."""

import threading
import time
from collections import Counter

import pytest
from tests.patience import GIVE_UP_SECONDS
from tests.unit.sdk.scripted import KEY, Scripted, content, file_list, scripted

from privateshare import AsyncPrivateShare, File, FileError, FileIntegrityError, NetworkError, PrivateShare
from privateshare.protocol import jwt
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


def test_files_that_take_longer_outlive_the_others() -> None:
    """A thread that has nothing left to read takes nothing away from those that have."""
    slow = {name: ["slow"] for name in NAMES[-3:]}
    with scripted(Scripted(lambda _: file_list(NAMES), slow)) as platform, client_of(platform) as app:
        with app.read_all_files("session", TOKEN) as reading:
            files = list(reading)
        assert is_whole(files, NAMES)
        assert reading.result().errors == []
        assert set(platform.asked.values()) == {1}


def test_a_download_that_breaks_off_is_repeated() -> None:
    """And what came of it is let go."""
    broken = {NAMES[0]: ["cut"], NAMES[1]: ["cut", "busy"], NAMES[2]: ["busy"]}
    with scripted(Scripted(lambda _: file_list(NAMES), broken)) as platform, client_of(platform) as app:
        files = list(app.read_all_files("session", TOKEN))
        assert is_whole(files, NAMES)
        assert [platform.asked[name] for name in NAMES[:4]] == [2, 3, 2, 1]


def test_a_file_that_cannot_be_read_leaves_the_others_alone() -> None:
    """It is told, with why: cut off each time, or changed on the way."""
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


def test_a_file_that_must_be_waited_for_holds_up_no_other() -> None:
    """The platform asks for patience with one file; the others are read meanwhile."""
    read: list[tuple[str, float]] = []
    with (
        scripted(Scripted(lambda _: file_list(NAMES), {NAMES[0]: ["patience"]})) as platform,
        client_of(platform) as app,
    ):
        result = app.read_all_files(
            "session", TOKEN, on_file_data=lambda file: read.append((file.name, time.monotonic()))
        ).result()
    assert result.files == len(NAMES)
    (_, before), (last, then) = read[-2:]
    assert last == NAMES[0]
    assert then - before > 1


def test_nothing_is_read_ahead_without_bound() -> None:
    """Who takes no files is sent no more than twice as many as are read at once."""
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
def test_a_file_that_grows_while_others_are_read_is_read_again() -> None:
    """Each version once."""
    states = [file_list(NAMES[:2], "running", 1), file_list(NAMES[:3], "completed", 2)]
    platform = Scripted(lambda number: states[min(number, 2) - 1])
    with scripted(platform), client_of(platform) as app:
        result = app.read_all_files("session", TOKEN, on_file_data=lambda _: None).result()
        assert platform.asked == {NAMES[0]: 2, NAMES[1]: 2, NAMES[2]: 1}
        assert result.files == 5


def test_stopping_does_not_wait_for_a_list_that_the_platform_holds() -> None:
    """It ends soon, and as it should."""
    platform = Scripted(lambda _: file_list(NAMES, "running"), hold=20)
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


def test_a_callback_that_raises_ends_the_run() -> None:
    """With what it raised."""
    with scripted(Scripted(lambda _: file_list(NAMES))) as platform, client_of(platform) as app:

        def full(_: File) -> None:
            raise OSError("the disk is full")

        with pytest.raises(OSError, match="the disk is full"):
            app.read_all_files("session", TOKEN, on_file_data=full).result()
        assert platform.asked.total() < len(NAMES)


async def test_it_is_the_same_on_asyncio() -> None:
    """Coroutine functions may be callbacks."""
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
