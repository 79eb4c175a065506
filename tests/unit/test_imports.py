"""What the tests share is in modules of its own."""

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
OF_A_TEST = re.compile(r"^\s*(?:from|import) \S*\btest_\w+", re.MULTILINE)


@pytest.mark.parametrize("folder", ["unit", "contract", "flow"])
def test_no_module_imports_a_test_module(folder: str) -> None:
    """A helper that two modules need is in neither of them: nobody looks for it there."""
    modules = list((TESTS / folder).rglob("*.py"))
    assert modules
    found = {str(path.relative_to(TESTS)): OF_A_TEST.findall(path.read_text("utf-8")) for path in modules}
    assert {path: imports for path, imports in found.items() if imports} == {}
