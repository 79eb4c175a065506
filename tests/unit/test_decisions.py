"""The records of decisions: each has a number of its own, in its name and in its title."""

from pathlib import Path

RECORDS = sorted((Path(__file__).parents[2] / "docs" / "adr").glob("0*.md"))


def test_each_decision_has_its_own_number():
    """Two branches may take the same number; the later one takes the next free number."""
    assert [int(path.name[:4]) for path in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_titles_have_the_number_of_the_file():
    """A record that was renumbered has the new number in its title too."""
    for path in RECORDS:
        assert path.read_text("utf-8").startswith(f"# {int(path.name[:4])}. "), path.name
