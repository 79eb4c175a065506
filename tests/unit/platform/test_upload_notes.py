"""What people are told of the entries of a file of which nothing is taken."""

import pytest

from privateshare.platform.consent.translation import Translator
from privateshare.platform.consent.upload_notes import MAX_KINDS_SHOWN, left_out_words
from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.failures import DELETED, OTHERS, REPEATED, LeftOut, NotTaken


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("Deleted entries (40)", "Your messages (12)", "follow.json (5)", "Other (3)")),
        ("nl", ("Verwijderde items (40)", "Je berichten (12)", "follow.json (5)", "Overig (3)")),
    ],
)
def test_what_is_not_taken_is_named_by_kind(language: str, said: tuple[str, ...]) -> None:
    """The most frequent kinds come first. What the export calls them is isolated from the text around it."""
    left_out = LeftOut(read=1)
    left_out.pass_over(NotTaken(own_name="follow.json"), 5)
    left_out.pass_over(DELETED, 40)
    left_out.pass_over(NotTaken(object_type=ObjectType.MESSAGE), 12)
    left_out.pass_over(OTHERS, 3)
    texts = left_out_words(Translator(language), left_out)
    assert [text.partition(":")[0].replace("\u2068", "").replace("\u2069", "") for text in texts] == [*said]
    assert "\u2068follow.json\u2069" in texts[2]


def test_many_kinds_are_not_all_named() -> None:
    left_out = LeftOut()
    for number in range(1, 20):
        left_out.pass_over_in(f"{number}.json", number)
    texts = left_out_words(Translator("en"), left_out)
    assert len(texts) == MAX_KINDS_SHOWN + 1
    assert texts[-1] == f"Other ({sum(range(1, 20 - MAX_KINDS_SHOWN))}): nothing of this is taken."


def test_a_name_of_a_kind_is_no_template() -> None:
    """A reader that was taken over could send one."""
    left_out = LeftOut()
    left_out.pass_over(NotTaken("%(app)999999999s"))
    assert "%(app)999999999s" in left_out_words(Translator("en"), left_out)[0]


def test_what_comes_again_is_told_as_kept_once() -> None:
    """It is no loss, and nothing of it is left out."""
    left_out = LeftOut(read=5)
    left_out.pass_over(REPEATED, 3)
    assert left_out_words(Translator("en"), left_out) == ["Repetitions of the same entry (3): each entry is kept once."]
