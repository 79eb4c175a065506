"""The languages of the pages. English is in the templates and the code; every other language has a folder here."""

import io
from collections.abc import Sequence
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

from babel import Locale, negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).parent
DOMAIN = "consent"
FALLBACK = "en"


@cache
def languages() -> Sequence[str]:
    """List the languages, such as `de` or `pt_BR`; the fallback comes first."""
    found = sorted(path.parent.parent.name for path in FOLDER.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))
    return [FALLBACK, *found]


def catalogue_path(language: str) -> Path:
    """Return the path of a language's texts."""
    return FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.po"


@cache
def translations(language: str) -> NullTranslations:
    """Load a language's texts; the fallback needs none, since its texts are the originals."""
    if language == FALLBACK:
        return NullTranslations()
    with catalogue_path(language).open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def choose_language(asked: str | None, accepted: str) -> str:
    """Choose a page's language: what the app asked for, else what the browser accepts, else English. Protocol 8.2.

    `asked` is a locale such as `de` or `de-AT`, `accepted` an Accept-Language header.
    """
    return _known([asked] if asked else []) or _known(_by_preference(accepted)) or FALLBACK


def _known(preferred: Sequence[str]) -> str | None:
    spelled = [locale.replace("-", "_") for locale in preferred]
    return negotiate_locale(spelled, languages(), sep="_")


def _by_preference(accepted: str) -> list[str]:
    weighed = []
    for entry in accepted.split(",")[:20]:
        locale, _, weight = entry.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), locale))
        except ValueError:
            continue
    return [locale for weight, locale in sorted(weighed, key=lambda pair: pair[0]) if weight]


def display_name(language: str) -> str:
    """Return a language's own name, such as Deutsch."""
    return str(Locale.parse(language).get_display_name()).capitalize()
