"""Tests of archive readers: separate processes whose output is checked, and whose failures are reported."""

import asyncio
import io
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from pathlib import Path

import orjson
import pytest
from tests.archives import play, small_record, spotify_zip, zipped
from tests.patience import GIVE_UP_SECONDS, until
from tests.processes import children, is_running

from privateshare.platform import archive_readers
from privateshare.platform.archive_readers import ArchiveReaders, ReaderFailed
from privateshare.platform.reader_processes import COMMAND
from privateshare.platform.reader_results import ReadExport
from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import PAGE_OBJECTS, Broken, Connection, Page, Source
from privateshare.sources.entries import page_entries
from privateshare.sources.failures import LeftOut, encode_left_out
from privateshare.sources.frames import MAX_PAGE_BYTES, EntryPage
from privateshare.sources.registry import Sources

SPOTIFY, FHIR = Sources().connectable[16], Sources().connectable[9001]


@pytest.fixture
async def readers() -> AsyncIterator[ArchiveReaders]:
    started = ArchiveReaders()
    yield started
    started.close()


async def read(
    readers: ArchiveReaders, source: Source, data: bytes, types: list[int] | None = None
) -> tuple[list[EntryPage], LeftOut]:
    """Return everything that a reader gives of an archive."""
    pages, left_out = [], None
    wanted = types if types is not None else source.info.object_types
    async for found in readers.objects(source, io.BytesIO(data), "someone", wanted):
        if isinstance(found, LeftOut):
            left_out = found
        else:
            pages.append(found)
    assert left_out is not None
    return pages, left_out


async def checked(readers: ArchiveReaders, source: Source, archive: io.BytesIO) -> ReadExport:
    """Return what a reader says at the end of an archive."""
    async with aclosing(readers.read_export(source, archive)) as pages:
        *_, result = [page async for page in pages]
    assert isinstance(result, ReadExport)
    return result


@pytest.mark.parametrize(
    ("source", "data"),
    [
        (SPOTIFY, spotify_zip([play(number) for number in range(2500)] + [play(0, ts=None)])),
        (FHIR, zipped({"a.json": small_record(300), "b.json": b"no JSON", "c.pdf": b"%PDF"})),
    ],
    ids=["spotify", "fhir"],
)
async def test_a_reader_returns_what_its_source_returns(readers: ArchiveReaders, source: Source, data: bytes) -> None:
    """Identity, objects and reasons are the same as if the source read the archive in this process."""
    here = Connection(archive=io.BytesIO(data), provider_account_id="someone")
    found = await checked(readers, source, io.BytesIO(data))
    assert found.identity == source.identify(here)
    assert encode_left_out(found.left_out) == encode_left_out(here.left_out)
    again = Connection(archive=io.BytesIO(data), provider_account_id="someone")
    fetched = source.fetch(again, dict.fromkeys(source.info.object_types))
    expected = [page for page in fetched if isinstance(page, Page)]
    pages, left_out = await read(readers, source, data)
    assert [list(page.entries) for page in pages] == [list(page_entries(source.info.schema, page)) for page in expected]
    assert encode_left_out(left_out) == encode_left_out(again.left_out)


async def test_only_requested_types_are_read(readers: ArchiveReaders) -> None:
    """Object types that were not requested are not read."""
    pages, _ = await read(readers, FHIR, small_record(), [ObjectType.PATIENT])
    assert [object_type for page in pages for object_type, _ in page.entries] == [ObjectType.PATIENT]


async def test_reasons_of_broken_archives_are_passed_on(readers: ArchiveReaders) -> None:
    """The reason arrives with its text, values and counts."""
    for data in (b"", b"%PDF", spotify_zip([play(0), *[play(number, ts="?") for number in range(1, 4)]])):
        with pytest.raises(Broken) as here:
            SPOTIFY.identify(Connection(archive=io.BytesIO(data)))
        with pytest.raises(Broken) as there:
            await checked(readers, SPOTIFY, io.BytesIO(data))
        assert (there.value.text, there.value.values) == (here.value.text, here.value.values)
        assert there.value.left_out == here.value.left_out


async def test_a_read_error_of_the_archive_is_passed_on(readers: ArchiveReaders) -> None:
    """An error in reading the stored archive is not mistaken for a broken archive."""

    class Lost(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise FileNotFoundError("the blob is gone")

    with pytest.raises(FileNotFoundError):
        await checked(readers, SPOTIFY, Lost(spotify_zip([play(0)])))


async def test_a_reader_inherits_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A reader sees neither the platform's environment nor its open files."""
    monkeypatch.setenv("PRIVATESHARE_MASTER_KEY", "a secret of ours")
    seen = await scripted("""
        import os
        names = sorted(os.readlink(f"/proc/self/fd/{fd}").split(":")[0] for fd in ("0", "1", "2"))
        names += [fd for fd in os.listdir("/proc/self/fd") if fd not in "0123"]  # 3 is this list itself
        say(BROKEN, {"text": repr((dict(os.environ), names, os.getcwd())), "values": {}, "left_out": None})
    """)
    assert "a secret of ours" not in str(seen)
    environment, names, folder = eval(str(seen))
    assert set(environment) <= {"LC_CTYPE", "LD_LIBRARY_PATH"}
    assert names == ["/dev/null", "pipe", "pipe"]
    assert folder == "/"


PROLOGUE = """
import json, os, signal, struct, sys, time
from privateshare.protocol import zstd
START, READ, DATA, PAGE, RESULT, BROKEN, FAILED = range(1, 8)
def say(kind, content):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    sys.stdout.buffer.write(struct.pack(">BQ", kind, len(data)) + data)
    sys.stdout.buffer.flush()
def page(object_type, entries):
    *values, lines = [list(column) for column in zip(*entries)] or [[], [], [], []]
    columns([object_type] * len(entries), [*values, None, None, None], "\\n".join(lines))
def columns(types, values, data):
    heads = [json.dumps(head).encode() for head in (types, values)]
    packed(b"".join(struct.pack(">I", len(head)) + head for head in heads) + data.encode())
def packed(content):
    say(PAGE, zstd.compress(content))
kind, length = struct.unpack(">BQ", sys.stdin.buffer.read(9))
order = json.loads(sys.stdin.buffer.read(length))
left_out = {"read": 1, "entries": [], "not_taken": [], "skipped": [], "damaged": [], "unused": []}
left_out["more"] = [0, 0, 0]
def result(**report):
    counts = {"owner_in_objects": "a", "kinds": [], "newest": []}
    say(RESULT, {"identity": ["a", "A", "USER", True, None], "left_out": left_out | report, **counts})
"""


def script(text: str) -> list[str]:
    return [sys.executable, "-c", PROLOGUE + textwrap.dedent(text)]


async def scripted(text: str, *, fetch: bool = False) -> Exception | list[EntryPage]:
    """Run a reader with this script, and return what the platform makes of it."""
    readers = ArchiveReaders(2, script(text))
    try:
        async with asyncio.timeout(GIVE_UP_SECONDS):
            if fetch:
                return (await read(readers, SPOTIFY, b"PK", [ObjectType.PLAY_HISTORY]))[0]
            await checked(readers, SPOTIFY, io.BytesIO(b"PK"))
            return []
    except (Broken, ReaderFailed) as error:
        return error
    finally:
        readers.close()


RESULT = '{"identity": ["a", "A", "USER", True], "left_out": left_out}'
MISBEHAVIOUR = {
    "ends": "",
    "ends with an error": "sys.exit(1)",
    "is killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "crashes": "os.kill(os.getpid(), signal.SIGSEGV)",
    "breaks off": "sys.stdout.buffer.write(struct.pack('>BQ', RESULT, 100) + b'{')",
    "says nonsense": "sys.stdout.buffer.write(b'nonsense' * 100)",
    "says too much": "sys.stdout.buffer.write(struct.pack('>BQ', RESULT, 1 << 40))",
    "an unknown kind": "say(99, {})",
    "a kind of ours": "say(START, {})",
    "no JSON": "say(RESULT, b'{')",
    "no object": "say(RESULT, [])",
    "no identity": 'say(RESULT, {"left_out": left_out})',
    "half an identity": 'say(RESULT, {"identity": ["a"], "left_out": left_out})',
    "a long identity": 'say(RESULT, {"identity": ["a" * 10_000, "A", "USER", True], "left_out": left_out})',
    "an odd identity": 'say(RESULT, {"identity": [5, "A", "USER", True], "left_out": left_out})',
    "nothing left out": 'say(RESULT, {"identity": ["a", "A", "USER", True]})',
    "a text with a gap": 'say(BROKEN, {"text": "%(name)s", "values": {"x": 1}, "left_out": None})',
    "no text": 'say(BROKEN, {"text": 5, "values": {"x": 1}, "left_out": None})',
    "a page without an end": "page(406, [])",
    "no owner of the objects": 'say(RESULT, {"identity": ["a", "A", "USER", True, None], "left_out": left_out})',
    "an odd owner of the objects": """say(RESULT, {"identity": ["a", "A", "USER", True, None], "left_out": left_out,
        "owner_in_objects": 5})""",
    "asks for nothing": 'say(READ, b"")',
    "asks for too much": 'say(READ, struct.pack(">QQ", 0, 1 << 40))',
    "asks for what is beyond": 'say(READ, struct.pack(">QQ", 1 << 63, 1))',
    "a text that is none": 'say(BROKEN, {"text": 5, "values": {}, "left_out": None})',
    "a text without end": 'say(BROKEN, {"text": "x" * 5000, "values": {}, "left_out": None})',
    "a text that grows": 'say(BROKEN, {"text": "%(a)9999999s", "values": {"a": "x"}, "left_out": None})',
    "a reason that grows": """
        reason = ["C", "%(num)s", "%(num)*s", None, 1]
        result(entries=[reason])""",
    "a kind without a number": """
        kind = ["Podcasts", None, "", "many"]
        result(not_taken=[kind])""",
    "a problem that grows": """
        problem = ["x.csv", "%(a).9999999f", {"a": 1}]
        result(damaged=[problem])""",
    "a report without a number": 'result(read="1")',
    "fails": 'say(FAILED, {"error": "KeyError", "where": "mapping.py:7"})',
    "closes its pipe and stays": "os.close(1); time.sleep(600)",
}
MISBEHAVIOUR_WITH_PAGES = {
    "another type": 'page(1, [["a", 1, None, "{}"]])',
    "no page": 'say(PAGE, b"x")',
    "an empty page": 'say(PAGE, b"")',
    "a cut page": 'packed(struct.pack(">I", 100) + b"[406, []]")',
    "a cut frame": "say(PAGE, zstd.compress(os.urandom(1000))[:-5])",
    "a page that unpacks to far more": f"packed(bytes({MAX_PAGE_BYTES + 1}))",
    "too many objects": f'page(406, [["a", 1, None, "{{}}"]] * {2 * PAGE_OBJECTS + 1})',
    "an object of several lines": 'page(406, [["a", 1, None, "{\\n}"]])',
    "an odd type": 'page("406", [["a", 1, None, "{}"]])',
    "an odd id": 'page(406, [[5, 1, None, "{}"]])',
    "an odd moment": 'page(406, [["a", "now", None, "{}"]])',
    "an odd window": 'page(406, [["a", 1, [1], "{}"]])',
    "no window": 'page(406, [["a", 1, 0, "{}"]])',
    "more objects than types": 'columns([406], [["a", "b"], [1, 1], None, None, None, None], "{}\\n{}")',
    "fewer objects than ids": 'columns([406] * 2, [["a", "b"], [1, 1], None, None, None, None], "{}")',
    "half an entry": 'columns([406], [["a"], [1]], "{}")',
    "an odd digest": 'columns([406], [["a"], [1], None, ["5"], None, None], "{}")',
    "an odd order": 'columns([406], [["a"], [1], None, None, None, [True]], "{}")',
    "an odd mark": """
        mark = [["s", 5, "f", False], None, 1, "x", 0]
        columns([406], [["a"], [1], None, None, [mark], None], "{}")""",
    "no mark": 'columns([406], [["a"], [1], None, None, [0], None], "{}")',
}


@pytest.mark.parametrize("kind", MISBEHAVIOUR)
async def test_a_failing_reader_is_reported(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Nobody waits forever for a failing reader, and its output is not used."""
    monkeypatch.setattr(archive_readers, "EXIT_TIMEOUT_SECONDS", 0.5)
    assert isinstance(await scripted(MISBEHAVIOUR[kind]), ReaderFailed)


@pytest.mark.parametrize("command", [("/bin/false",), ("/bin/true",), ("/no/such/program",), ("/",)])
async def test_a_reader_that_does_not_start_is_reported(command: tuple[str, ...]) -> None:
    """The reader may end before or after it received its task."""
    readers = ArchiveReaders(1, command)
    for _ in range(10):
        with pytest.raises(ReaderFailed):
            await checked(readers, SPOTIFY, io.BytesIO(b"PK"))
    readers.close()


@pytest.mark.parametrize("kind", MISBEHAVIOUR_WITH_PAGES)
async def test_invalid_pages_end_the_import(kind: str) -> None:
    """A page that does not follow the protocol of readers ends the import."""
    assert isinstance(await scripted(MISBEHAVIOUR_WITH_PAGES[kind], fetch=True), ReaderFailed)


async def test_a_valid_result_is_accepted() -> None:
    """The same script is accepted if its report is valid."""
    reason, problem = ["C", "%(num)s of %(total)s", "%(num)d", None, 1], ["x.csv", "%(name)s, 100%%", {"name": "x"}]
    assert await scripted(f"result(entries=[{reason!r}], damaged=[{problem!r}])") == []


async def test_valid_pages_are_accepted() -> None:
    """The same script is accepted if it sends valid pages."""
    pages = await scripted(
        'page(406, [["a", 1, None, "{}"], ["b", None, [None, 5], "[]"]])\nsay(RESULT, {"left_out": left_out})',
        fetch=True,
    )
    assert isinstance(pages, list)
    assert [[entry.data for _, entry in page.entries] for page in pages] == [[b"{}", b"[]"]]


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there")
async def test_cpu_time_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that uses more CPU time than any archive needs is ended, and the error says so."""
    endless = """
        import resource
        resource.setrlimit(resource.RLIMIT_CPU, (1, 5))
        while True: pass
    """
    error = await scripted(endless)
    assert isinstance(error, Broken)
    assert "more time or memory" in str(error)


async def test_a_reader_that_only_waits_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time by the clock is limited too."""
    monkeypatch.setattr(archive_readers, "WALL_SECONDS_PER_CPU_SECOND", 0.02)
    error = await scripted("time.sleep(600)")
    assert isinstance(error, Broken)
    assert "more time or memory" in str(error)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit it")
async def test_memory_is_limited(monkeypatch: pytest.MonkeyPatch, readers: ArchiveReaders) -> None:
    """An archive that needs too much memory is rejected, and the platform itself does not run out of memory."""
    monkeypatch.setattr(archive_readers, "MEMORY_MEGABYTES", 120)
    large = orjson.dumps({"resourceType": "Observation", "note": "é" * 8_000_000})
    with pytest.raises(Broken, match="more time or memory"):
        await checked(readers, FHIR, io.BytesIO(large))


async def test_cancelling_ends_the_reader() -> None:
    """If a person closes the page or a sync is cancelled, the reader's process ends."""
    of_others = children()  # For example, other tests in this process run a database.
    readers = ArchiveReaders(1, script("time.sleep(600)"))
    waiting = asyncio.create_task(checked(readers, SPOTIFY, io.BytesIO(b"PK")))
    while not (pids := children() - of_others):
        await asyncio.sleep(0.02)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not pids & children()
    readers.close()


async def test_few_archives_are_read_at_a_time() -> None:
    """However many archives arrive at once, all of them are read in the end."""
    of_others = children()
    readers = ArchiveReaders(2)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max([most, *(len(children(server)) for server in children() - of_others)])
            await asyncio.sleep(0.01)

    watching = asyncio.create_task(watch())
    data = spotify_zip([play(number) for number in range(50)])
    found = await asyncio.gather(*(checked(readers, SPOTIFY, io.BytesIO(data)) for _ in range(6)))
    watching.cancel()
    readers.close()
    assert [one.left_out.read for one in found] == [50] * 6
    assert 1 <= most <= 2


async def test_a_reader_ends_with_the_platform(tmp_path: Path) -> None:
    """If the process that started a reader dies, the reader ends."""
    starter = """
        import asyncio, io, sys
        from privateshare.platform.archive_readers import ArchiveReaders
        from privateshare.sources.registry import Sources
        class Slow(io.BytesIO):
            def read(self, size=-1):
                print("reading", flush=True)
                import time; time.sleep(600)
        async def begin():
            archive = Slow(b"PK\\x03\\x04" + bytes(100))
            await anext(ArchiveReaders().read_export(Sources().connectable[16], archive))
        asyncio.run(begin())
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(starter), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    (server,) = children(process.pid)
    (reader,) = children(server)
    process.send_signal(signal.SIGKILL)
    await process.wait()
    await until(lambda: not is_running(server) and not is_running(reader))


def test_the_reader_ignores_the_current_folder_and_environment() -> None:
    """Neither the current folder nor an environment variable changes which code the reader runs."""
    assert COMMAND[1:3] == ("-I", "-B")


def test_a_reader_loads_nothing_of_the_platform() -> None:
    """A reader starts fast, and has no code that could do more than read archives."""
    loaded = modules_after_importing("privateshare.sources.reader_server")
    assert not [name for name in loaded if name.startswith(("privateshare.platform", "privateshare.sdk"))]
    assert not {"httpx2", "sqlalchemy", "psycopg", "cryptography", "ssl"} & set(loaded)


def test_sources_that_also_have_an_api_load_no_http_client_to_read_an_export() -> None:
    """The client of the API is in `live`, which only the platform imports."""
    names = ("spotify", "strava", "reddit", "lastfm", "github", "google_health")
    loaded = modules_after_importing(*(f"privateshare.sources.{name}.source" for name in names))
    assert not {"httpx2", "ssl"} & set(loaded)


def modules_after_importing(*names: str) -> Sequence[str]:
    code = f"import sys, {', '.join(names)}; print(' '.join(sys.modules))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there")
def test_a_reader_can_write_no_file(tmp_path: Path) -> None:
    """Once a reader starts to read, it cannot write content of the archive to the disk."""
    code = f"""
        import resource, signal
        from privateshare.sources import archive_reader
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        source, sink = archive_reader._pipes()
        archive_reader._limit({{"cpu_seconds": 5, "memory_megabytes": 500}})
        try:
            with open({str(tmp_path / "x")!r}, "w") as file:
                file.write("a secret")
        except OSError:
            sink.write(b"nothing")
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, check=True)
    assert done.stdout == b"nothing"
    assert not any(path.read_bytes() for path in tmp_path.iterdir())


async def test_an_archive_is_recognised_without_being_read(readers: ArchiveReaders) -> None:
    """The reader says which sources have files in it, and what else it consists of."""
    marks = (
        {16: SPOTIFY.info.upload.marks, 9001: FHIR.info.upload.marks}
        if SPOTIFY.info.upload and FHIR.info.upload
        else {}
    )
    found = await readers.recognise(io.BytesIO(spotify_zip([play(number) for number in range(9)])), marks)
    assert (found.files, found.seen.number, found.is_take_out) == ({16: 1}, 2, False)
    assert found.seen.endings == {".pdf": 1, ".json": 1}
    with pytest.raises(Broken, match="damaged"):
        await readers.recognise(io.BytesIO(b"PK\x03\x04nonsense"), marks)
