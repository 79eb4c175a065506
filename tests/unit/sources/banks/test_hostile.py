"""Files that are made to take long or much memory end quickly, in plain words."""

import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest
from tests.archives import zipped
from tests.unit.sources.banks.formats import camt
from tests.unit.sources.banks.statements import bookings, numbered

from privateshare.sources.failures import Broken

LONG = 500_000
HOSTILE: dict[str, Callable[[], str]] = {
    "digits": lambda: "Date,Description,Amount\n" + ("2026-01-05,A," + "1,1" * 20_000 + "x\n") * 20,
    "spaces": lambda: "Date,Description,Amount\n" + ("2026-01-05,A," + " " * 60_000 + "x\n") * 20,
    "header of spaces": lambda: "Date,Description" + " " * 60_000 + "(,Amount\n2026-01-05,A,-1.00\n",
    "months": lambda: "Date,Description,Amount\n" + ("1 " + "de " * 20_000 + ",A,-1\n") * 20,
    "one line": lambda: "Date,Description,Amount\n" + "x" * LONG,
    "columns": lambda: "Date," * 500_000,
    "quotes": lambda: 'Date,Description,Amount\n"' + "a\n" * (LONG // 8),
    "MT940 line": lambda: ":20:X\n:25:1\n:60F:C260101EUR0,\n:61:" + "1" * LONG,
    "MT940 lines": lambda: ":20:X\n:25:1\n:60F:C260101EUR0,\n:61:2601050105D1,NTRF\n:86:" + "x\n" * (LONG // 2),
    "MT940 subfields": lambda: ":20:X\n:25:1\n:60F:C260101EUR0,\n:61:2601050105D1,NTRF\n:86:051?" + "?20a" * 15_000,
    "OFX tags": lambda: "OFXHEADER:100\n<OFX>" + "<" * LONG,
    "OFX value": lambda: "OFXHEADER:100\n<OFX><STMTTRN><NAME>" + "x" * LONG,
    "OFX comment": lambda: "OFXHEADER:100\n<OFX><STMTTRN><NAME><![CDATA[" + "<a>" * (LONG // 3),
    "QIF": lambda: "!Type:Bank\n" + "D" * LONG,
    "CAMT": lambda: camt().replace("<Ntry>", "<a>" * 200 + "</a>" * 200 + "<Ntry>"),
    "CAMT elements": lambda: camt().replace("</Stmt>", "<abcdefgh/>" * 1_700_000 + "</Stmt>"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_quickly_in_little_memory(name: str) -> None:
    """Whether anything of it is read or not."""
    data = HOSTILE[name]()
    began = time.process_time()
    with suppress(Broken):
        bookings(data)
    assert time.process_time() - began < 10


def test_many_statements_are_read_in_the_memory_of_one() -> None:
    """A zip of daily statements for years."""
    data = zipped({f"{number}.xml": camt().replace("REF1", f"R{number}").encode() for number in range(100)})
    tracemalloc.start()
    assert len(numbered(data)) == 100
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
