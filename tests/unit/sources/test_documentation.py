"""The source that docs/sources.md shows."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.archives import zipped

from privateshare.sources.contract import Broken, Connection, Source

DOCUMENT = Path(__file__).parents[3] / "docs" / "sources.md"


@pytest.fixture
def pedometer() -> Source:
    """The source of the first example."""
    code = re.search(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1], names)
    source: Source = names["Pedometer"]()
    return source


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
            "createddate": 1795478400000,
            "steps": 8000,
        }
    ]


@pytest.mark.parametrize("content", [[], [{"day": "yesterday", "steps": 1}], [{"day": "2026-11-24"}], [7]])
def test_the_documented_source_rejects_other_files(pedometer: Source, content: object) -> None:
    """What it cannot import raises Broken."""
    with pytest.raises(Broken):
        pedometer.identify(archive(content))
