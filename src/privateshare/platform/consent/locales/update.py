"""The command that updates every language's texts from the pages and sources, for translators.

Run `python -m privateshare.platform.consent.locales.update`, then translate what is empty in the `.po` files. A new
language is an entry in `LANGUAGES`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

import privateshare.sources
from privateshare.platform.consent.locales import FALLBACK, FOLDER, LANGUAGES, catalogue_path
from privateshare.protocol.catalogue import catalogue
from privateshare.sources.configuration import sources_of_clients
from privateshare.sources.failures import THE_FILE
from privateshare.sources.installed import FIRST_ID
from privateshare.sources.registry import Sources

PAGE_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": None, "count": (1, 2)}
SOURCE_KEYWORDS = {"Broken": None, "Reason": (2, 3), "NotTaken": None}
METHODS = [("**.py", "python"), ("**.html", "jinja2")]
CREATED = datetime(2026, 1, 1, tzinfo=UTC)  # A fixed date, so that an update changes nothing else.


def texts() -> Catalog:
    """Collect every text that a page can show."""
    found = Catalog(project="PrivateShare", charset="utf-8", creation_date=CREATED)
    sources = Path(privateshare.sources.__path__[0])
    people = FOLDER.parents[1] / "me"
    for folder, keywords in ((FOLDER.parent, PAGE_KEYWORDS), (people, PAGE_KEYWORDS), (sources, SOURCE_KEYWORDS)):
        for file, _, message, comments, _ in extract_from_dir(folder, METHODS, keywords=keywords):
            found.add(message, locations=[(f"{folder.name}/{file}", 0)], auto_comments=comments)
    for text in _declared():
        found.add(text)
    return found


def _declared() -> Iterator[str]:
    """Yield the texts that the catalogue and the sources declare as data."""
    yield THE_FILE
    known = catalogue()
    for entries in (known.service_groups, known.service_types, known.object_types, known.sources):
        yield from (entry.name for entry in entries.values())
    ours = [source for id_, source in Sources().connectable.items() if id_ < FIRST_ID]  # Packages have their own texts.
    for source in (*ours, *sources_of_clients()):
        for sample in source.info.samples:
            yield from (sample.name, sample.description)
        if source.info.asks_title:
            yield from (source.info.asks_title, source.info.asks_text)
        for question in source.info.asks:
            yield from (text for text in (question.label, question.hint) if text)
        if source.info.upload is not None:
            yield from source.info.upload.instructions


def read_catalogue(language: str) -> Catalog:
    """Read a language's texts; a new language has none yet."""
    path = catalogue_path(language)
    if not path.exists():
        return Catalog(language, project="PrivateShare", charset="utf-8", creation_date=CREATED)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def main() -> None:
    """Write every language's file."""
    wanted = texts()
    for language in LANGUAGES:
        if language == FALLBACK:
            continue
        known = read_catalogue(language)
        known.update(wanted, no_fuzzy_matching=True)
        known.obsolete.clear()
        known.fuzzy = False  # New files are marked as drafts as a whole, so that programs would ignore them.
        path = catalogue_path(language)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, known, width=120, no_location=True, omit_header=False, sort_output=True)


if __name__ == "__main__":
    main()
