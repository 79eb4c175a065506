"""Tables as a database: what is in it, and that a file is complete or not there."""

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet
import pytest

from privateshare import File, Tables, tables
from tests.unit.sdk.table_files import PLAYS, RECORD, file

PLAY = {
    "entityid": "1",
    "createddate": 1700000000000,
    "track": {"name": "Žižkov", "artists": [{"name": "Ann"}]},
    "ok": True,
    "n": 2**60 + 1,
    'odd "name"': 1.5,
    "Track": "another",
}


def made(play: dict[str, Any] | None = None) -> Tables:
    """A table of a play, and one of an observation."""
    observation = {"resourceType": "Observation", "id": "1", "effectiveDateTime": "2020", "valueInteger": 5}
    return tables([file(PLAYS, [play or PLAY]), file(RECORD, [observation]), file("18_5_19_1_403_1.json", [])])


def test_duckdb_has_each_table_with_structs(tmp_path: Path) -> None:
    """Which queries can look into."""
    path = made().to_duckdb(tmp_path / "new" / "data.duckdb")
    with duckdb.connect(str(path), read_only=True) as database:
        query = 'SELECT track.artists[1].name, n, ok, "odd ""name""", "Track_", epoch_ms("time") FROM playhistory'
        assert database.execute(query).fetchone() == ("Ann", 2**60 + 1, True, 1.5, "another", 1700000000000)
        assert database.execute("SELECT count(*) FROM observation").fetchone() == (1,)
        assert database.execute("SELECT count(*) FROM playlist").fetchone() == (0,)
    flat = made().to_duckdb(tmp_path / "flat.duckdb", flat=True)
    with duckdb.connect(str(flat), read_only=True) as database:
        assert database.execute("SELECT artist, track FROM playhistory").fetchone() == ("Ann", "Žižkov")
        assert database.execute("SELECT value, precision FROM observation").fetchone() == (5.0, "year")


def test_sqlite_has_each_table_with_json(tmp_path: Path) -> None:
    """Times are text in UTC, flags are numbers."""
    path = made().to_sqlite(tmp_path / "data.sqlite")
    with closing(sqlite3.connect(path)) as database:
        query = """SELECT track ->> '$.artists[0].name', n, ok, "odd ""name""\", "time" FROM playhistory"""
        assert database.execute(query).fetchone() == ("Ann", 2**60 + 1, 1, 1.5, "2023-11-14T22:13:20.000Z")
        assert database.execute("SELECT count(*) FROM playlist").fetchone() == (0,)
    flat = made().to_sqlite(tmp_path / "flat.sqlite", flat=True)
    with closing(sqlite3.connect(flat)) as database:
        assert database.execute('SELECT value, "start" FROM observation').fetchone() == (5.0, "2020-01-01T00:00:00.000")


@pytest.mark.parametrize("form", ["duckdb", "sqlite"])
def test_a_database_is_written_only_if_something_changed(tmp_path: Path, form: str) -> None:
    """And it replaces whatever file is there, also one that is no database; nothing else stays beside it."""
    path = tmp_path / f"data.{form}"
    path.write_bytes(b"not a database" * 1000)

    def write(play: dict[str, Any] | None = None) -> int:
        getattr(made(play), f"to_{form}")(path)
        assert [found.name for found in tmp_path.iterdir()] == [path.name]
        return path.stat().st_ino

    first = write()
    assert write() == first
    assert write(PLAY | {"n": 1}) != first


@pytest.mark.parametrize("form", ["duckdb", "sqlite", "parquet"])
def test_a_file_that_fails_leaves_the_one_before(tmp_path: Path, form: str) -> None:
    """As when Ctrl-C comes in the midst of it: the old file is whole, and nothing is beside it."""
    target = tmp_path / ("playhistory.parquet" if form == "parquet" else f"data.{form}")
    write = f"to_{form}"
    getattr(tables([file(PLAYS, [PLAY])]), write)(tmp_path if form == "parquet" else target)
    before = target.read_bytes()

    class Interrupted(File):
        reads = 0

        def read_bytes(self) -> bytes:
            Interrupted.reads += 1
            if Interrupted.reads > 1:
                raise KeyboardInterrupt
            return super().read_bytes()

    plain = file(PLAYS, [PLAY, PLAY])
    interrupted = Interrupted(plain.name, plain.metadata, plain.size, 2, plain.data)
    with pytest.raises(KeyboardInterrupt):
        getattr(tables([interrupted]), write)(tmp_path if form == "parquet" else target)
    assert target.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == [target.name]


def test_times_outside_of_what_databases_hold_are_empty(tmp_path: Path) -> None:
    """Years before 1 and after 9999."""
    path = made(PLAY | {"createddate": 10**18, "startdate": -(10**18)}).to_duckdb(tmp_path / "data.duckdb")
    with duckdb.connect(str(path), read_only=True) as database:
        assert database.execute('SELECT "time", startdate FROM playhistory').fetchone() == (None, None)


WRITER = """
import itertools, json, sys
from pathlib import Path
from privateshare import File, FileMetadata, tables

target, form = Path(sys.argv[1]), sys.argv[2]
for number in itertools.count():
    play = {"entityid": "1", "n": number, "pad": ["x" * 50] * 200}
    things = [play | {"entityid": str(other)} for other in range(3000)]
    data = json.dumps(things).encode()
    file = File("18_5_19_1_406_D202601_1.json", FileMetadata(), len(data), number, data)
    found = tables([file])
    if form == "parquet":
        found["playhistory"].to_parquet(target)
    else:
        getattr(found, f"to_{form}")(target)
    print(number, flush=True)
"""


def rows_of(target: Path, form: str) -> set[int]:
    """The numbers in a written file, which is whole: one number, in all of its rows."""
    if form == "parquet":
        return set(pyarrow.parquet.read_table(target)["n"].to_pylist())
    if form == "duckdb":
        with duckdb.connect(str(target), read_only=True) as database:
            rows = database.execute("SELECT n FROM playhistory").fetchall()
    else:
        with closing(sqlite3.connect(target)) as database:
            rows = database.execute("SELECT n FROM playhistory").fetchall()
    assert len(rows) == 3000
    return {row[0] for row in rows}


KILLED = [
    pytest.param(form, kill, id=f"{name}-{form}", marks=() if (name, form) in quick else pytest.mark.slow)
    for quick in [{("Ctrl-C", "sqlite"), ("kill -9", "duckdb")}]
    for name, kill in (("Ctrl-C", signal.SIGINT), ("kill -9", signal.SIGKILL))
    for form in ("parquet", "duckdb", "sqlite")
]


@pytest.mark.parametrize(("form", "kill"), KILLED)
def test_a_killed_program_leaves_a_whole_file(tmp_path: Path, form: str, kill: signal.Signals) -> None:
    """While it replaces a file again and again, and is killed in the midst of it."""
    target = tmp_path / f"plays.{form}"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, target, form],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    last = int(process.stdout.readline())
    partials: list[Path] = []
    while not partials:  # It writes the next file aside.
        assert process.poll() is None
        time.sleep(0.001)
        partials = list(tmp_path.glob(".*.part*"))
    process.send_signal(kill)
    last = max([last, *map(int, process.communicate()[0].split())])
    (number,) = rows_of(target, form)
    assert number in (last, last + 1)
    if kill is signal.SIGINT:
        assert [path.name for path in tmp_path.iterdir()] == [target.name]
