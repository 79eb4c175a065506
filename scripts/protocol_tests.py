"""Writes `docs/protocol-tests.md`: for each section of the protocol, the tests that assert what it says.

A test says so with `@pytest.mark.protocol("4.2")`; `pytestmark` says it for all tests of a module. `--check` writes
nothing, and fails if the list is not up to date. Both fail if a marker names a section that does not exist, or if a
section has no test.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
PROTOCOL = ROOT / "docs" / "protocol.md"
LIST = ROOT / "docs" / "protocol-tests.md"
MARKER = "pytest.mark.protocol"
HEAD = """# Tests of the protocol

Each section of [the protocol](protocol.md), with the tests that assert what it says. This list is generated from
the markers `@pytest.mark.protocol("4.2")`, by `make protocol-tests`. A section without a test fails `make check`.
"""

_CHAPTER = re.compile(r"^## (\d+)\. (.+)$", re.MULTILINE)
_NUMBERED = re.compile(r"^(\d+\.\d+) ", re.MULTILINE)
_LETTERED = re.compile(r"(?:^|\W)\(([a-z])\) ")


@dataclass(frozen=True)
class Chapter:
    """A chapter of the protocol, and what it is divided into: numbered sections, lettered ones, or itself alone."""

    title: str
    sections: Sequence[str]


@dataclass(frozen=True)
class MarkedTest:
    """A test, and the sections that its markers name."""

    path: str
    name: str
    sections: frozenset[str]


def main() -> int:
    """Write the list, or with `--check` compare it; return 1 if it differs or something is wrong, else 0."""
    chapters = read_chapters(PROTOCOL.read_text("utf-8"))
    marked = [test for path in sorted(TESTS.rglob("test_*.py")) for test in read_tests(path)]
    wrong = problems(chapters, marked)
    text = listing(chapters, marked)
    if "--check" not in sys.argv[1:]:
        LIST.write_text(text, "utf-8")
    elif not LIST.exists() or LIST.read_text("utf-8") != text:
        wrong.append("docs/protocol-tests.md is not up to date with the tests. Run: make protocol-tests")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def read_chapters(text: str) -> list[Chapter]:
    """Divide the text of the protocol into its chapters and sections."""
    parts = _CHAPTER.split(text)[1:]
    chapters = []
    for number, title, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        numbered = [section for section in _NUMBERED.findall(body) if section.startswith(f"{number}.")]
        lettered = list(dict.fromkeys(f"{number} ({letter})" for letter in _LETTERED.findall(body)))
        divided = numbered or (lettered if lettered[:1] == [f"{number} (a)"] else [])
        chapters.append(Chapter(f"{number}. {title}", divided or [number]))
    return chapters


def read_tests(path: Path) -> Iterator[MarkedTest]:
    """Find the tests of a module, and what its markers and theirs name."""
    module = ast.parse(path.read_text("utf-8"))
    shared = [node.value for node in module.body if isinstance(node, ast.Assign) and _assigns_marks(node)]
    common = named_sections(shared)
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            sections = common | named_sections(node.decorator_list)
            yield MarkedTest(path.relative_to(ROOT).as_posix(), node.name, sections)


def named_sections(nodes: Sequence[ast.AST]) -> frozenset[str]:
    """Collect the arguments of every protocol marker, those of single parameters too."""
    calls = [call for node in nodes for call in ast.walk(node) if isinstance(call, ast.Call)]
    marks = [call for call in calls if ast.unparse(call.func) == MARKER]
    return frozenset(ast.literal_eval(argument) for mark in marks for argument in mark.args)


def problems(chapters: Sequence[Chapter], marked: Sequence[MarkedTest]) -> list[str]:
    """Name each section that no test is marked with, and each marker that names no section."""
    sections = [section for chapter in chapters for section in chapter.sections]
    tested = frozenset[str]().union(*(test.sections for test in marked))
    missing = [
        f"no test is marked with section {section} of the protocol" for section in sections if section not in tested
    ]
    unknown = [
        f"{test.path}: {test.name} is marked with section {section}, which the protocol does not have"
        for test in marked
        for section in sorted(test.sections - set(sections))
    ]
    return missing + unknown


def listing(chapters: Sequence[Chapter], marked: Sequence[MarkedTest]) -> str:
    """Write the document: a heading for each chapter, and each section with its tests by module."""
    lines = [HEAD.rstrip()]
    for chapter in chapters:
        lines += ["", f"## {chapter.title}"]
        for section in chapter.sections:
            lines += ["", f"**{section}**", ""]
            for path, names in tests_by_module(section, marked).items():
                lines += [f"- `{path}`", *(f"  - {name.removeprefix('test_').replace('_', ' ')}" for name in names)]
    return "\n".join(lines) + "\n"


def tests_by_module(section: str, marked: Sequence[MarkedTest]) -> Mapping[str, list[str]]:
    """Group the tests of a section by their module."""
    found: dict[str, list[str]] = {}
    for test in marked:
        if section in test.sections:
            found.setdefault(test.path, []).append(test.name)
    return found


def _assigns_marks(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets)


if __name__ == "__main__":
    sys.exit(main())
