"""What people are told of the entries of a file of which nothing is taken."""

import pytest

from privateshare.platform.consent.translation import Translator
from privateshare.platform.consent.upload_notes import left_out_words
from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.failures import DELETED, OTHERS, LeftOut, NotTaken


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            "60 entries are of kinds of which nothing is taken: Deleted entries (40), Your messages (12), 5, Other (3)",
        ),
        (
            "nl",
            "60 items zijn van soorten waarvan niets wordt overgenomen: "
            "Verwijderde items (40), Je berichten (12), 5, Overig (3)",
        ),
    ],
)
def test_what_is_not_taken_is_named_by_kind(language: str, said: str) -> None:
    """The most frequent kinds come first. What the export calls them is isolated from the text around it."""
    left_out = LeftOut(read=1)
    left_out.pass_over(NotTaken(own_name="<b>follow.json"), 5)
    left_out.pass_over(DELETED, 40)
    left_out.pass_over(NotTaken(object_type=ObjectType.MESSAGE), 12)
    left_out.pass_over(OTHERS, 3)
    words = Translator(language)
    (text,) = left_out_words(words, left_out)
    assert text == said.replace(" 5,", " \u2068<b>follow.json\u2069 (5),")


def test_a_name_of_a_kind_is_no_template() -> None:
    """A reader that was taken over could send one."""
    left_out = LeftOut()
    left_out.pass_over(NotTaken("%(app)999999999s"))
    assert "%(app)999999999s" in left_out_words(Translator("en"), left_out)[0]
