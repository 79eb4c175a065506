"""Every numbered statement of the protocol has a test that cites it."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PROTOCOL = TESTS.parent / "docs" / "protocol.md"

_NUMBERED = re.compile(r"^(\d+\.\d+) ", re.MULTILINE)
_CHAPTER = re.compile(r"^## (\d+)\. (.+)$", re.MULTILINE)
_LETTERED = re.compile(r"\(([a-f])\) ")
_CITATION = re.compile(r"[Pp]rotocol ((?:\d+(?:\.\d+)?(?: \([a-z]\))?(?:,? (?:and |to )?)?)+(?:\([a-z]\)(?:, )?)*)")
_PART = re.compile(r"(\d+(?:\.\d+)?)|\(([a-z])\)")


def sections() -> set[str]:
    """The numbered statements: 2.1, …; chapters that have none of their own number (1, 13); and 14 (a) to (f)."""
    text = PROTOCOL.read_text("utf-8")
    numbered = set(_NUMBERED.findall(text))
    chapters = {number for number, _ in _CHAPTER.findall(text)}
    whole = {number for number in chapters if not any(entry.startswith(f"{number}.") for entry in numbered)}
    legacy = text[text.index("## 14.") :]
    lettered = {f"14 ({letter})" for letter in _LETTERED.findall(legacy)}
    return numbered | (whole - {"14"}) | lettered


def citations(text: str) -> set[str]:
    """The sections that a text cites: "protocol 2.1, 2.2", "Protocol 4.1 to 4.3", "protocol 14 (a), (b)"."""
    found: set[str] = set()
    for citation in _CITATION.findall(text):
        section = ""
        for number, letter in _PART.findall(citation):
            section = number or section
            found.add(f"{section} ({letter})" if letter else number)
    return found


def test_citations_are_understood():
    """The reader of citations reads what the tests write."""
    assert citations("Protocol 2.1, 2.2: x") == {"2.1", "2.2"}
    assert citations("protocol 14 (a), (b): x") == {"14", "14 (a)", "14 (b)"}
    assert citations("Protocol 5.3, 13: x") == {"5.3", "13"}


def test_the_protocol_is_read_whole():
    """All chapters are seen, so that the test below cannot pass for want of sections."""
    found = sections()
    assert {"1", "13", "2.1", "12.4", "14 (a)", "14 (f)"} <= found
    assert len(found) > 55


def test_every_section_is_cited_by_a_test():
    """A statement that nothing tests is named here."""
    cited = set().union(*(citations(path.read_text("utf-8")) for path in TESTS.rglob("test_*.py")))
    missing = sections() - cited
    assert not missing, f"no test cites {', '.join(sorted(missing))}"
