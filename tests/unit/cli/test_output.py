"""What commands print for people: facts and tables in plain text."""

import json

import pytest

from privateshare.cli.output import fact_lines, show, show_table, table_lines


def test_facts_have_no_words_of_json() -> None:
    assert fact_lines({"ended": False, "once": True, "expires_at": None, "revision": 1, "uris": ["a", "b"]}) == [
        "ended       no",
        "once        yes",
        "expires_at  none",
        "revision    1",
        "uris        a, b",
    ]


def test_rows_and_facts_within_facts_are_indented_below_their_name() -> None:
    facts = {"types": [{"id": 1, "name": "Media"}, {"id": 9001, "name": "Route"}], "seconds": {"first": 0.5}}
    assert fact_lines(facts) == [
        "types    id    name",
        "         1     Media",
        "         9001  Route",
        "seconds  first  0.5",
    ]


def test_sentences_have_lines_of_their_own() -> None:
    """They may have commas, between which nobody could tell where one ends."""
    assert fact_lines({"steps": ["Open it, and wait.", "Save."]}) == ["steps  Open it, and wait.", "       Save."]
    assert fact_lines({"files": ["x" * 60, "y" * 60]}) == ["files  " + "x" * 60, "       " + "y" * 60]


@pytest.mark.parametrize("empty", [[], {}, None, ()])
def test_what_is_empty_is_said(empty: object) -> None:
    assert fact_lines({"faults": empty}) == ["faults  none"]


def test_rows_of_different_columns_are_not_taken_for_a_table() -> None:
    assert fact_lines({"found": [{"a": 1}, {"b": 2}]}) == ["found  a: 1, b: 2"]


def test_cells_of_tables_are_plain_too() -> None:
    assert table_lines([{"id": 1, "ended": False, "at": None, "uses": ["a", "b"]}]) == [
        "id  ended  at    uses",
        "1   no     none  a, b",
    ]
    assert table_lines([]) == ["none"]


def test_characters_of_others_do_not_reach_the_terminal() -> None:
    """Neither in a fact, nor in what is within one."""
    for lines in (
        fact_lines({"a": "\x1b[31m"}),
        fact_lines({"a": ["\x1b", {"b": "\u202e"}]}),
        table_lines([{"a": "\x07"}]),
    ):
        assert not set("\x1b\u202e\x07") & set("".join(lines))


def test_programs_get_the_values_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    facts = {"ended": False, "at": None, "uses": ["a"]}
    show(facts, as_json=True)
    assert json.loads(capsys.readouterr().out) == facts
    show_table([facts], as_json=True)
    assert json.loads(capsys.readouterr().out) == [facts]
