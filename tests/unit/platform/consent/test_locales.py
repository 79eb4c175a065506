"""Protocol 8.2, `lng`: languages, and that each is complete."""

import re

import pytest
from babel.messages import Message
from babel.messages.pofile import read_po

from privateshare.platform.consent.locales import FALLBACK, catalogue_path, choose_language, display_name, languages
from privateshare.platform.consent.locales.update import texts
from privateshare.platform.consent.translation import Translator

TRANSLATED = [language for language in languages() if language != FALLBACK]
GAP = re.compile(r"%\(\w+\)[sd]")


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated(language: str) -> None:
    """Each language has every text that the pages and sources say, and no other."""
    with catalogue_path(language).open("rb") as file:
        known = read_po(file, locale=language)
    wanted = {message.id for message in texts() if message.id}
    assert {message.id for message in known if message.id} == wanted
    empty = [message.id for message in known if message.id and not all(_strings(message))]
    assert not empty, "translate these in consent.po"


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_have_the_same_gaps(language: str) -> None:
    """A translation fills in what the original does, so that no page fails in one language."""
    with catalogue_path(language).open("rb") as file:
        for message in read_po(file, locale=language):
            original = str(message.id[-1] if isinstance(message.id, tuple) else message.id)
            for text in _strings(message) if message.id else ():
                assert set(GAP.findall(text)) <= set(GAP.findall(original)), message.id
                assert text.count("%") == len(GAP.findall(text)), message.id


def _strings(message: Message) -> tuple[str, ...]:
    return (message.string or "",) if isinstance(message.string, str | None) else tuple(message.string)


@pytest.mark.protocol("8.2")
@pytest.mark.parametrize(
    ("asked", "accepted", "expected"),
    [
        ("de", "en", "de"),
        ("de-AT", "", "de"),
        ("de_CH", "", "de"),
        (None, "fr, de;q=0.8, en;q=0.5", "de"),
        (None, "en;q=0.5, de;q=0.9", "de"),
        ("xx", "de", "de"),
        ("xx", "yy", "en"),
        (None, "", "en"),
        ("../../etc", "de;q=nonsense, ;;, *", "en"),
    ],
)
def test_language_is_what_was_asked_for(asked: str | None, accepted: str, expected: str) -> None:
    """The link's language wins, then the browser's, then English."""
    assert choose_language(asked, accepted) == expected


def test_words_follow_the_language() -> None:
    """Dates, numbers and names come in the language."""
    assert Translator("de").count("The last month", "The last %(num)d months", 12) == "Die letzten 12 Monate"
    assert Translator("en").count("The last month", "The last %(num)d months", 1) == "The last month"
    assert Translator("en").size(1024**3) == "1 GB"
    assert Translator("de").size(3 * 1024**3 // 2) == "1,5\u00a0GB"
    assert Translator("de").object_type(128) == "Erkrankungen und Diagnosen"
    assert Translator("en").object_type(424242) == "Other"
    assert [display_name(language) for language in languages()] == ["English", "Deutsch"]
