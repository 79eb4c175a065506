"""Protocol 8.2, `lng`: languages, and that each is complete."""

import ast
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from babel.messages import Message
from lxml import html

from privateshare.platform.consent.locales import (
    FALLBACK,
    FOLDER,
    LANGUAGES,
    PSEUDO,
    choose_language,
    choose_locale,
    display_name,
)
from privateshare.platform.consent.locales.update import read_catalogue, texts
from privateshare.platform.consent.translation import Translator, isolated_text

TRANSLATED = [language for language in LANGUAGES if language != FALLBACK]
GAP = re.compile(r"%\(\w+\)[sd]")


def test_languages_are_those_that_have_texts() -> None:
    """Each language that a page offers has a folder, and each folder is offered."""
    assert sorted(TRANSLATED) == sorted(path.parent.parent.name for path in FOLDER.glob("*/LC_MESSAGES/consent.po"))


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_there(language: str) -> None:
    """Each language has every text that the pages and sources say, and no other."""
    known = {message.id for message in read_catalogue(language) if message.id}
    assert known == all_texts(), "run …locales.update"


@cache
def all_texts() -> set[object]:
    return {message.id for message in texts() if message.id}


@pytest.mark.parametrize("folder", [FOLDER.parent, FOLDER.parents[1] / "me"], ids=["consent", "me"])
def test_no_text_is_marked_inside_an_f_string(folder: Path) -> None:
    """Where the texts are collected, an f-string is one opaque token: a text in it is in no catalogue."""
    for file in folder.rglob("*.py"):
        for found in ast.walk(ast.parse(file.read_text())):
            inner = ast.walk(found) if isinstance(found, ast.JoinedStr) else ()
            names = {node.id for node in inner if isinstance(node, ast.Name)}
            assert not names & {"N_", "count"}, f"{file.name}:{found.lineno}"  # type: ignore[attr-defined]


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated(language: str) -> None:
    """No text is left in English, in any of a language's plural forms."""
    catalogue = read_catalogue(language)
    empty = [message.id for message in catalogue if message.id and not all(_strings(message))]
    assert not empty, "translate these in consent.po"
    plurals = [message for message in catalogue if isinstance(message.id, tuple)]
    assert all(len(_strings(message)) == catalogue.num_plurals for message in plurals)


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_have_the_same_gaps(language: str) -> None:
    """A translation inserts the same values as the original, so that no page fails or says less in one language.

    Only a plural form for a single number, such as "one day", may leave out the number.
    """
    for message in read_catalogue(language):
        original = str(message.id[-1] if isinstance(message.id, tuple) else message.id)
        wanted = Counter(GAP.findall(original))
        for text in filter(None, _strings(message)) if message.id else ():
            found = Counter(GAP.findall(text))
            optional = {"%(num)d", "%(num)s"} if isinstance(message.id, tuple) else set()
            assert set(found) <= set(wanted), message.id
            assert set(wanted) - set(found) <= optional, message.id
            assert text.count("%") == found.total(), message.id


@pytest.mark.parametrize("language", TRANSLATED)
def test_translations_keep_markup_and_spaces(language: str) -> None:
    """A translation has the tags of its original, no others, and begins and ends as it does."""
    for message in read_catalogue(language):
        original = str(message.id[-1] if isinstance(message.id, tuple) else message.id)
        for text in filter(None, _strings(message)) if message.id else ():
            assert _tags(text) == _tags(original), message.id
            assert text == text.strip(), message.id
            assert text.endswith(":") == original.endswith(":"), message.id


def _tags(text: str) -> list[str]:
    return sorted(str(element.tag) for element in html.fragment_fromstring(text, create_parent=True).iter())


def _strings(message: Message) -> tuple[str, ...]:
    return (message.string or "",) if isinstance(message.string, str | None) else tuple(message.string)


@pytest.mark.protocol("8.2")
@pytest.mark.parametrize(
    ("asked", "accepted", "expected"),
    [
        ("de", "en", "de"),
        ("de-AT", "", "de"),
        ("de_CH", "", "de"),
        (None, "sv, de;q=0.8, en;q=0.5", "de"),
        (None, "fr, de;q=0.8, en;q=0.5", "fr"),
        ("nl-BE", "fr", "nl"),
        ("ar-EG", "", "ar"),
        ("en-XA", "de", "en_XA"),
        (None, "en-XA, en;q=0.5", "en"),
        (None, "en;q=0.5, de;q=0.9", "de"),
        ("xx", "de", "de"),
        ("xx", "yy", "en"),
        (None, "", "en"),
        ("../../etc", "de;q=nonsense, ;;, *", "en"),
    ],
)
def test_the_requested_language_is_used(asked: str | None, accepted: str, expected: str) -> None:
    """The language of the link wins, then the browser's, then English. The artificial language must be requested."""
    assert choose_language([asked], accepted) == expected


@pytest.mark.protocol("8.2")
@pytest.mark.parametrize(
    ("asked", "expected"), [(["nl", "de"], "nl"), ([None, "de"], "de"), (["xx", "de"], "de"), (["", "xx"], "fr")]
)
def test_first_known_language_wins(asked: Sequence[str | None], expected: str) -> None:
    """What the journey says comes before what the person chose some time ago in this browser."""
    assert choose_language(asked, "fr") == expected


@pytest.mark.parametrize(
    ("language", "accepted", "expected"),
    [
        ("en", "en-GB, en;q=0.9", "en_GB"),
        ("en", "de, en-GB;q=0.5", "en_GB"),
        ("de", "de-CH", "de_CH"),
        ("de", "en-GB", "de"),
        ("en", "", "en"),
        ("fr", "*, \x00, fr-XX-nonsense-, en-XA", "fr"),
    ],
)
def test_numbers_and_dates_follow_the_country(language: str, accepted: str, expected: str) -> None:
    """A browser's country decides how dates and numbers are written, if the country has the page's language."""
    assert choose_locale(language, accepted) == expected


def test_values_are_written_as_in_the_country() -> None:
    """Dates, numbers and lists differ between countries with the same language."""
    moment = datetime(2026, 3, 4, 14, 2, tzinfo=UTC)
    american, british = Translator("en"), Translator("en", locale="en_GB")
    assert (american.date(moment), british.date(moment)) == ("March 4, 2026", "4 March 2026")
    assert british.moment(moment) == "4 Mar 2026, 14:02 UTC"
    assert (american.join_list("abc"), british.join_list("abc")) == ("a, b, and c", "a, b and c")
    assert Translator("de", locale="de_CH").number(1234567) == "1’234’567"
    assert Translator("fr").percent(45) == "45\xa0%"
    assert Translator("nl").decimal(1234.5) == "1.234,5"
    assert Translator("en").decimal(0.00001234) == "0.00001234"
    assert Translator("de").amount(-1234.5, "EUR") == "-1.234,50\xa0€"
    assert Translator("nl").amount(5, "points") == "5,00 points"
    assert Translator("fr").weight(67.25) == "67,25\u202fkg"
    assert [Translator("en").short_number(number) for number in (12_345, 0.12345, 999.6)] == ["12.3K", "0.123", "1,000"]
    assert Translator("de").count("%(num)d file", "%(num)d files", 12_345) == "12.345 Dateien"


def test_the_artificial_language_shows_what_is_translated() -> None:
    """Every translated text and formatted value is in brackets, so a text without them was forgotten."""
    words = Translator(PSEUDO)
    assert words.say("Until %(date)s", date=words.month(202611)) == "⟦Until ⟦November 2026⟧⟧"
    assert words.count("%(num)d day", "%(num)d days", 2) == "⟦⟦2⟧ days⟧"
    assert (words.number(1), words.join_list([]), words.say("")) == ("⟦1⟧", "", "")
    assert (words.tag, words.direction) == ("en-XA", "ltr")


def test_words_follow_the_language() -> None:
    """Dates, numbers and names come in the language."""
    assert Translator("de").count("The last month", "The last %(num)d months", 12) == "Die letzten 12 Monate"
    assert Translator("en").count("The last month", "The last %(num)d months", 1) == "The last month"
    assert Translator("en").size(1024**3) == "1 GB"
    assert Translator("de").size(3 * 1024**3 // 2) == "1,5\u00a0GB"
    assert Translator("de").object_type(128) == "Erkrankungen und Diagnosen"
    assert Translator("en").object_type(424242) == "Other"
    names = ["English", "Nederlands", "Deutsch", "Français", "Español", "العربية"]
    assert [display_name(language) for language in LANGUAGES] == names


@pytest.mark.parametrize(
    ("text", "isolated"),
    [
        ("", ""),
        ("name", "\u2068name\u2069"),
        ("a\u2069\u202eb", "\u2068a\u202eb\u2069"),
        ("a\u2067b\u2069\u2069c", "\u2068a\u2067b\u2069c\u2069"),
        ("a\u2066b\u2067", "\u2068a\u2066b\u2067\u2069\u2069\u2069"),
    ],
)
def test_a_name_cannot_leave_its_isolate(text: str, isolated: str) -> None:
    """It neither closes the isolate around it nor keeps that open."""
    assert isolated_text(text) == isolated


def test_values_are_isolated_in_arabic() -> None:
    """A name, an address or a list in Latin letters is one unit in an Arabic sentence, in every plural form."""
    arabic, english = Translator("ar"), Translator("en")
    text = arabic.say("Back to %(app)s", app="HeartWise 2")
    assert "\u2068HeartWise 2\u2069" in text
    for number in (1, 3, 12, 100):
        says = "%(app)s says that it needs %(num)d day for this.", "%(app)s says that it needs %(num)d days for this."
        assert "\u2068HeartWise\u2069" in arabic.count(*says, number, app="HeartWise")
    assert english.say("Back to %(app)s", app="HeartWise") == "Back to HeartWise"
    assert (arabic.comma, english.comma) == ("، ", ", ")


PLURALS = {0: "لا ملفات", 1: "ملف واحد", 2: "ملفان"}
PLURALS |= {number: f"{number:,} ملفات" for number in (3, 10, 103)}
PLURALS |= {number: f"{number:,} ملفًا" for number in (11, 99, 111)}
PLURALS |= {number: f"{number:,} ملف" for number in (100, 102, 1000)}


def test_arabic_has_six_plural_forms() -> None:
    """None, one, two, three to ten, eleven to ninety-nine, and hundreds each have a form of their own."""
    for number, text in PLURALS.items():
        assert Translator("ar").count("%(num)d file", "%(num)d files", number) == text


def test_digits_of_arabic_pages_are_those_that_people_type() -> None:
    """Dates, numbers and sizes have the digits 0 to 9 for every country, as codes and amounts do."""
    moment = datetime(2026, 3, 4, 14, 2, tzinfo=UTC)
    for locale in ("ar", "ar_EG", "ar_MA"):
        words = Translator("ar", locale=locale)
        shown = [words.number(1234567), words.decimal(1234.5), words.date(moment), words.moment(moment)]
        shown += [words.size(31 * 1024), words.percent(45), words.short_number(34_567), words.month(202603)]
        for text in shown:
            assert re.search("[0-9]", text), text
            assert not re.search("[\u0660-\u0669\u06f0-\u06f9]", text), text
