"""The languages of the pages. English is in the templates and the code; every other language has a folder here.

`en-XA` is a made-up language for developers, which no page offers: a page that is opened with `?lng=en-XA` shows all
translated texts in ⟦brackets⟧, so that a text that nobody marked for translation stands out.
"""

import io
import re
from collections.abc import Sequence
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).parent
DOMAIN = "consent"
FALLBACK = "en"
LANGUAGES = (FALLBACK, "nl", "de", "fr", "es", "ar")
PSEUDO = "en_XA"
MAX_ACCEPTED = 20
VALUE = re.compile(r"%\(\w+\)s")
FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"


def catalogue_path(language: str) -> Path:
    """Return the path of a language's texts."""
    return FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


@cache
def translations(language: str) -> NullTranslations:
    """Load a language's texts; the fallback needs none, since its texts are the originals."""
    if language == FALLBACK:
        return NullTranslations()
    if language == PSEUDO:
        return _Bracketed()
    with catalogue_path(language).open("rb") as file:
        catalogue = read_po(file, locale=language)
    if Locale.parse(language).text_direction == "rtl":
        _isolate_values(catalogue)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def _isolate_values(catalogue: Catalog) -> None:
    """Isolate each value in right-to-left texts, so that a name in Latin letters does not reorder its sentence."""
    for message in catalogue:
        if isinstance(message.string, tuple):
            message.string = tuple(_isolated_values(form) for form in message.string)
        else:
            message.string = _isolated_values(str(message.string))


def _isolated_values(text: str) -> str:
    return VALUE.sub(FIRST_STRONG_ISOLATE + r"\g<0>" + POP_ISOLATE, text)


class _Bracketed(NullTranslations):
    """The texts of the made-up language: the English originals in brackets."""

    def gettext(self, message: str) -> str:
        return bracketed(super().gettext(message))

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return bracketed(super().ngettext(msgid1, msgid2, n))


def bracketed(text: str) -> str:
    """Put a text in the brackets that show that it is in the page's language."""
    return f"⟦{text}⟧"


def choose_language(asked: Sequence[str | None], accepted: str) -> str:
    """Choose a page's language: the first of `asked` that there is, else what the browser accepts, else English.

    Args:
        asked: What the person or the app asked for, such as `de` or `de-AT`, the most important first. Protocol 8.2.
        accepted: An Accept-Language header.
    """
    found = (known_language(language) for language in asked if language)
    return next(filter(None, found), None) or _known(_by_preference(accepted)) or FALLBACK


def known_language(asked: str) -> str | None:
    """Return the language of the pages that a text such as `de-AT` names; None if there is none."""
    return PSEUDO if asked.replace("-", "_") == PSEUDO else _known([asked])


def choose_locale(language: str, accepted: str) -> str:
    """Choose how dates and numbers of a language are written: as in the first country that the browser accepts.

    The language `en` is written as in the United Kingdom if an Accept-Language header says `en-GB`.
    """
    return next(filter(None, (_regional(language, locale) for locale in _by_preference(accepted))), language)


def _regional(language: str, accepted: str) -> str | None:
    try:
        locale = Locale.parse(accepted, sep="-")
    except (ValueError, UnknownLocaleError):
        return None
    return str(locale) if locale.language == language and str(locale) != language else None


def _known(preferred: Sequence[str]) -> str | None:
    spelled = [locale.replace("-", "_") for locale in preferred]
    return negotiate_locale(spelled, LANGUAGES, sep="_")


def _by_preference(accepted: str) -> list[str]:
    weighed = []
    for entry in accepted.split(",")[:MAX_ACCEPTED]:
        locale, _, weight = entry.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), locale))
        except ValueError:
            continue
    return [locale for weight, locale in sorted(weighed, key=lambda pair: pair[0]) if weight]


def display_name(language: str) -> str:
    """Return a language's own name, such as Deutsch."""
    name = str(Locale.parse(language).get_display_name())
    return name[:1].upper() + name[1:]
