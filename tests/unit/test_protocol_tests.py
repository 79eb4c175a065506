"""The check that every section of the protocol has a test."""

from scripts.protocol_tests import PROTOCOL, ROOT, MarkedTest, listing, problems, read_chapters, read_tests

TEXT = """
## 1. Addresses

Any base URL.

## 2. Requests

2.1 Signed.
2.2 With claims, see (b) of 3.

## 3. Older clients

They differ: (a) in this; (b) in
that.
"""
CHAPTERS = read_chapters(TEXT)


def test_a_chapter_is_divided_as_its_text_is() -> None:
    """Numbered sections come first, then lettered ones; a chapter with neither is one section."""
    assert [chapter.sections for chapter in CHAPTERS] == [["1"], ["2.1", "2.2"], ["3 (a)", "3 (b)"]]


def test_the_whole_protocol_is_read() -> None:
    """All chapters of the real document are found, so that no section is free of tests by being overlooked."""
    sections = {section for chapter in read_chapters(PROTOCOL.read_text("utf-8")) for section in chapter.sections}
    assert {"1", "13", "2.1", "12.4", "14 (a)", "14 (f)"} <= sections
    assert len(sections) > 55


def test_markers_are_read_wherever_they_are() -> None:
    """Markers of the module, of a test and of one parameter all count; other marks and docstrings do not."""
    path = ROOT / "tests" / "data" / "marked.py.txt"
    found = {test.name: test.sections for test in read_tests(path)}
    assert found == {
        "test_of_the_module": {"2.1"},
        "test_of_its_own": {"1", "2.1", "3 (a)"},
        "test_of_a_parameter": {"2.1", "2.2"},
    }


def test_problems_are_listed() -> None:
    """A section without a test and a marker without a section are each one line."""
    marked = [MarkedTest("tests/test_x.py", "test_y", frozenset({"1", "2.1", "2.3", "3 (a)", "3 (b)"}))]
    missing, unknown = problems(CHAPTERS, marked)
    assert "section 2.2" in missing
    assert "test_y is marked with section 2.3" in unknown
    assert not problems(CHAPTERS[:1], [MarkedTest("x", "y", frozenset({"1"}))])


def test_the_list_names_tests_under_their_sections() -> None:
    """Each section stands under its chapter, with its tests by module."""
    text = listing(CHAPTERS, [MarkedTest("tests/test_x.py", "test_that_it_holds", frozenset({"2.1"}))])
    assert "## 2. Requests\n\n**2.1**\n\n- `tests/test_x.py`\n  - that it holds\n" in text
