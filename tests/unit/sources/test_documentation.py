"""The source that docs/sources.md shows."""

import io
import json
import re
from collections import abc
from pathlib import Path
from typing import Any

import pytest
from tests.archives import zipped

from privateshare.protocol import catalogue
from privateshare.sources import contract, export_reader, object_building, tables
from privateshare.sources.contract import Broken, Connection, Source
from privateshare.sources.trial import try_source

# What an example takes for granted that a package from `source new` imports already, or its editor adds.
NAMES_OF_TABLES = {
    contract: ("FileMark",),
    catalogue: ("ObjectType", "ServiceGroup"),
    export_reader: ("DeclaredReader", "ReadExportSource", "declare"),
    object_building: ("Mapped", "stable_id"),
    tables: ("TableKind", "TableRow"),
    abc: ("Iterator",),
}
DOCUMENT = Path(__file__).parents[3] / "docs" / "sources.md"


@pytest.fixture
def pedometer() -> Source:
    """The source of the first example."""
    source: Source = names_after(example("class Pedometer"))["Pedometer"]()
    return source


def example(wanted: str) -> str:
    """Return the code of the example that has a text."""
    found = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    (code,) = (code for code in found if wanted in code)
    return str(code)


def names_after(code: str, **given: Any) -> dict[str, Any]:
    names = dict(given)
    exec(code, names)
    return names


def archive(content: object) -> Connection:
    return Connection(archive=io.BytesIO(zipped({"steps.json": json.dumps(content).encode()})), provider_account_id="w")


def test_the_documented_source_works(pedometer: Source) -> None:
    """It accepts a good archive, and imports it."""
    connection = archive([{"day": "2026-11-24", "steps": 8000}])
    assert pedometer.identify(connection).provider_account_id == "walker"
    (page,) = pedometer.fetch(connection, dict.fromkeys(pedometer.info.object_types))
    assert page.objects == [  # type: ignore[union-attr]
        {
            "accountentityid": "9900_w",
            "entityid": "9900_w_2026-11-24",
            "id": "2026-11-24",
            "createddate": 1795478400000,
            "startdate": 1795478400000,
            "enddate": 1795564800000,
            "steps": 8000,
        }
    ]


def test_the_documented_sources_have_no_faults(pedometer: Source) -> None:
    """`privateshare source test` would accept what they yield."""
    table = b'Highlight,Book Title,Tags,Highlighted at\nTo be,Hamlet,"a, b",2023-05-01 10:11:12+00:00\n'
    given = {name: getattr(module, name) for module, names in NAMES_OF_TABLES.items() for name in names}
    (highlights,) = names_after(example("class HighlightsReader"), **given, sample_files=lambda _: ())["SOURCES"]
    for source, connect in (
        (pedometer, lambda: archive([{"day": "2026-11-24", "steps": 8000}])),
        (highlights, lambda: Connection(archive=io.BytesIO(table))),
    ):
        found = try_source(source, connect)
        assert (found.faults, [report.objects for report in found.types]) == ([], [1])


@pytest.mark.parametrize("content", [[], [{"day": "yesterday", "steps": 1}], [{"day": "2026-11-24"}], [7]])
def test_the_documented_source_rejects_other_files(pedometer: Source, content: object) -> None:
    """What it cannot import raises Broken."""
    with pytest.raises(Broken):
        pedometer.identify(archive(content))
