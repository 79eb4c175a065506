"""Each promise in the documents names a test that there is."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROMISES = re.findall(
    r"( \(\*slow\*\))? \| `([\w/]+\.py)(?:::(\w+))?` \|", (ROOT / "docs" / "reliability.md").read_text("utf-8")
)


@pytest.mark.parametrize(("slow", "path", "name"), PROMISES, ids=lambda part: part.rsplit("/")[-1] or "all")
def test_a_promise_names_a_test(slow: str, path: str, name: str) -> None:
    """A test that is renamed or removed, or that becomes slow, must be so there too."""
    tests = (ROOT / "tests" / path).read_text("utf-8")
    assert re.search(rf"def {name or 'test_'}", tests)
    if name:
        marked = rf"^@pytest\.mark\.slow\n(@.*\n)*(async )?def {name}\b|^pytestmark = .*\bpytest\.mark\.slow\b"
        assert bool(slow) == bool(re.search(marked, tests, re.MULTILINE))


def test_all_promises_are_read() -> None:
    """The pattern above finds each row of the tables."""
    rows = [line for line in (ROOT / "docs" / "reliability.md").read_text("utf-8").splitlines() if "`" in line]
    assert len(PROMISES) == len([row for row in rows if row.startswith("|")]) > 30
