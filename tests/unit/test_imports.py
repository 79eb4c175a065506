"""What tests share is in modules of its own, and what a module needs is imported at its top."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SOURCE = TESTS.parent / "src" / "privateshare"
OF_A_TEST = re.compile(r"^\s*(?:from|import) \S*\btest_\w+", re.MULTILINE)
INDENTED = re.compile(r"^ +(?:from|import) ", re.MULTILINE)
# These import optional extras when they are used: pyarrow, OpenTelemetry, fhir.resources and pycurl.
OF_EXTRAS = {
    "platform/me/parquet.py",
    "platform/operating/tracing.py",
    "sources/request_spans.py",
    "sdk/files/file.py",
    "sdk/http/pool_choice.py",
}


@pytest.mark.parametrize("folder", ["unit", "contract", "flow"])
def test_no_module_imports_a_test_module(folder: str) -> None:
    """A helper that two modules need is in neither of them: nobody looks for it there."""
    modules = list((TESTS / folder).rglob("*.py"))
    assert modules
    found = {str(path.relative_to(TESTS)): OF_A_TEST.findall(path.read_text("utf-8")) for path in modules}
    assert {path: imports for path, imports in found.items() if imports} == {}


def test_no_function_imports_anything_but_optional_extras() -> None:
    """An import in a function hides a circle. Commands may have some, so that the command line starts fast."""
    modules = [path for path in SOURCE.rglob("*.py") if not path.is_relative_to(SOURCE / "cli")]
    found = {path.relative_to(SOURCE).as_posix(): list(imports_in_functions(path)) for path in modules}
    assert {name for name, lines in found.items() if lines} == OF_EXTRAS


def imports_in_functions(path: Path) -> Iterator[int]:
    """Yield the lines of imports in functions."""
    text = path.read_text("utf-8")
    for function in ast.walk(ast.parse(text)) if INDENTED.search(text) else ():
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (node.lineno for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom))
