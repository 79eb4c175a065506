"""Tests of failures in words."""

import json

import pytest

from privateshare.sources.contract import Broken
from privateshare.sources.failures import MAX_NAMED_KINDS, OTHERS, LeftOut, NotTaken, decode_left_out, encode_left_out


def test_a_failure_is_translated_before_its_values_are_inserted() -> None:
    """The text keeps its values separate, and a per cent sign is only a character."""
    broken = Broken("%(name)s is odd. Take another.", name="100%s.json")
    assert (broken.text, broken.values) == ("%(name)s is odd. Take another.", {"name": "100%s.json"})
    assert str(broken) == "100%s.json is odd. Take another."
    assert str(Broken("100% odd. Take another.")) == "100% odd. Take another."


def test_what_is_not_taken_is_no_loss() -> None:
    """It is counted by its kind, files that a report names are not counted again, and nothing gets lost when stored."""
    left_out = LeftOut(read=1)
    left_out.pass_over(OTHERS, 3)
    left_out.pass_over(NotTaken("Trailers"), 0)
    left_out.name_other_file("a/named.pdf")
    for path in ("a/named.pdf", "a/x.JPG", "y.jpg", "README", "odd.\u202ejpg", "no/ending."):
        left_out.skip_file(path)
    for number in range(100):
        left_out.skip_file(f"z.kind{number}")
    assert left_out.not_taken == {OTHERS: 3}
    assert left_out.skipped.total() == 105
    assert (left_out.skipped[".jpg"], len(left_out.skipped)) == (2, 20)
    left_out.check(Broken("Nothing. Try again."))
    assert not left_out.is_partial
    again = decode_left_out(json.loads(json.dumps(encode_left_out(left_out))))
    assert (again.not_taken, again.skipped) == (left_out.not_taken, left_out.skipped)
    again.add(left_out)
    assert again.not_taken == {OTHERS: 6}
    assert again.skipped.total() == 210


def test_what_is_not_taken_is_counted_by_kind() -> None:
    """By a name, an object type, or the file that it is in; only so many kinds are named."""
    left_out, kind = LeftOut(), NotTaken(object_type=406)
    left_out.pass_over(kind, 2)
    left_out.pass_over_in("a/follow\u202e.json", 3)
    left_out.pass_over_in("", 1)
    assert left_out.not_taken == {kind: 2, NotTaken(own_name="follow.json"): 3, OTHERS: 1}
    again = decode_left_out(json.loads(json.dumps(encode_left_out(left_out))))
    assert again.not_taken == left_out.not_taken
    for number in range(100):
        left_out.pass_over_in(f"{number}.json")
    assert len(left_out.not_taken) <= MAX_NAMED_KINDS
    assert left_out.not_taken.total() == 106


@pytest.mark.parametrize(
    "kind",
    [["a" * 101, None, "", 1], ["", None, "a" * 101, 1], [1, None, "", 1], ["", "x", "", 1], ["", None, "", "1"]],
)
def test_a_kind_of_another_form_is_refused(kind: list[object]) -> None:
    """A reader process that was taken over could write it."""
    with pytest.raises((ValueError, TypeError)):
        decode_left_out(encode_left_out(LeftOut()) | {"not_taken": [kind]})
