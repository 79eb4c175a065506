"""Each promise in the documents names a test that there is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROMISES = re.findall(r"\| `([\w/]+\.py)(?:::(\w+))?` \|", (ROOT / "docs" / "reliability.md").read_text("utf-8"))


@pytest.mark.parametrize(("path", "name"), PROMISES, ids=lambda part: part.rsplit("/")[-1] or "all")
def test_a_promise_names_a_test(path: str, name: str) -> None:
    """A test that is renamed or removed must be renamed or removed there too."""
    assert re.search(rf"def {name or 'test_'}", (ROOT / "tests" / path).read_text("utf-8"))


def test_all_promises_are_read() -> None:
    """The pattern above finds each row of the tables."""
    rows = [line for line in (ROOT / "docs" / "reliability.md").read_text("utf-8").splitlines() if "`" in line]
    assert len(PROMISES) == len([row for row in rows if row.startswith("|")]) > 30
