"""The contacts of a table (CSV), as Google, Outlook and Thunderbird export them."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from privateshare.sources.archive import UploadedFile
from privateshare.sources.charsets import decoded
from privateshare.sources.contact_file.building import ContactParts, address_text, written_day
from privateshare.sources.text_files import byte_lines, whole_rows

DELIMITERS = ",;\t"
SEVERAL = " ::: "  # Google writes it between values in one cell.
# The names of columns, in the languages of Outlook.
TEXT_COLUMNS: Mapping[str, Sequence[str]] = {
    "name": ("name", "display name", "full name", "anzeigename", "weergavenaam", "nom complet", "nombre completo"),
    "firstname": ("first name", "given name", "vorname", "voornaam", "prénom", "nombre"),
    "middlename": ("middle name", "additional name", "weitere vornamen", "middelste naam", "deuxième prénom"),
    "lastname": ("last name", "family name", "nachname", "achternaam", "nom", "apellidos", "apellido"),
    "nameprefix": ("name prefix", "title", "anrede", "titel", "tratamiento"),
    "namesuffix": ("name suffix", "suffix", "achtervoegsel", "suffixe", "sufijo"),
    "nickname": ("nickname", "spitzname", "bijnaam", "surnom", "apodo"),
    "organization": ("company", "organization", "organization name", "firma", "bedrijf", "société", "organización"),
    "department": ("department", "organization department", "abteilung", "afdeling", "service", "departamento"),
    "jobtitle": ("job title", "organization title", "position", "functie", "cargo", "puesto"),
    "note": ("notes", "note", "notizen", "notities", "remarques", "notas"),
    "birthday": ("birthday", "geburtstag", "verjaardag", "anniversaire", "cumpleaños"),
    "groups": ("categories", "labels", "group membership", "kategorien", "categorieën", "catégories", "categorías"),
}
VALUE_COLUMNS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("primary email", "e-mail-adresse", "e-mailadres", "adresse de messagerie"), ("emails", "")),
    **dict.fromkeys(("e-mail", "email", "email address", "dirección de correo electrónico"), ("emails", "")),
    **dict.fromkeys(("secondary email",), ("emails", "")),
    **dict.fromkeys(("phone", "telefon", "telefoon", "téléphone", "teléfono", "primary phone"), ("phones", "")),
    **dict.fromkeys(("mobile phone", "mobile number", "mobiltelefon", "mobiele telefoon"), ("phones", "mobile")),
    **dict.fromkeys(("tél. mobile", "teléfono móvil", "móvil", "handy"), ("phones", "mobile")),
    **dict.fromkeys(("home phone", "telefon (privat)", "telefoon thuis", "tél. personnel"), ("phones", "home")),
    **dict.fromkeys(("home phone 2", "telefon privat", "particulier telefoonnummer"), ("phones", "home")),
    **dict.fromkeys(("business phone", "work phone", "telefon geschäftlich", "telefoon werk"), ("phones", "work")),
    **dict.fromkeys(("business phone 2", "company main phone", "tél. bureau"), ("phones", "work")),
    **dict.fromkeys(("business fax", "fax geschäftlich", "fax number", "fax werk"), ("phones", "work fax")),
    **dict.fromkeys(("home fax",), ("phones", "home fax")),
    **dict.fromkeys(("web page", "web page 1", "web page 2", "webseite", "webpagina", "page web"), ("links", "")),
}
ADDRESS_KINDS = ("home", "business", "work", "other")
ADDRESS_PARTS = (
    *("street", "street 2", "street 3", "address", "address 2", "po box", "city", "state", "region"),
    *("postal code", "zipcode", "country", "country/region"),
)
_NUMBERED = re.compile(r"(e-?mail|phone|address|website|im|organization) (\d{1,2}) - (.+)")
_OUTLOOK_MAIL = re.compile(r"e-mail(?:[- ](?:\d ?)?(?:address|adresse)|adres)? ?\d?(?: address)?")
_SLASHES = re.compile(r"\s*(\d{1,2})[/.](\d{1,2})[/.](\d{4})\s*")
GOOGLE_FIELDS: Mapping[str, str] = {
    "email": "emails",
    "e-mail": "emails",
    "phone": "phones",
    "website": "links",
    "im": "links",
}


class NoContacts(Exception):
    """The file is no table of contacts."""


def contacts_of_table(file: UploadedFile) -> Iterator[ContactParts | None]:
    """Yield the contacts of a table; None for a row in which there is nothing.

    Raises:
        NoContacts: It is none.
        csv.Error: It is damaged.
    """
    header, delimiter = _header(file)
    months_first = _has_months_first(file, header, delimiter)
    for cells in _rows(file, delimiter):
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
        yield _contact(row, months_first=months_first) if row else None


def _header(file: UploadedFile) -> tuple[list[str], str]:
    first = next(_lines(file), "")
    delimiter = max(DELIMITERS, key=first.count)
    try:
        names = [name.strip().casefold() for name in next(csv.reader([first], delimiter=delimiter), [])]
    except csv.Error as error:
        raise NoContacts from error
    known = {column for columns in TEXT_COLUMNS.values() for column in columns}
    has_value = any(
        name in VALUE_COLUMNS or _NUMBERED.fullmatch(name) or _OUTLOOK_MAIL.fullmatch(name) for name in names
    )
    if not has_value or not known.intersection(names):
        raise NoContacts
    return names, delimiter


def _lines(file: UploadedFile) -> Iterator[str]:
    return (decoded(line) for line in byte_lines(file))


def _rows(file: UploadedFile, delimiter: str) -> Iterator[list[str]]:
    for number, row in enumerate(whole_rows(_lines(file), delimiter)):
        if number and any(row):
            yield row


def _has_months_first(file: UploadedFile, header: Sequence[str], delimiter: str) -> bool | None:
    """Return whether dates such as 3/4/1980 have the month first; None if the table does not show it."""
    column = next((place for place, name in enumerate(header) if name in TEXT_COLUMNS["birthday"]), None)
    if column is None:
        return None
    days_first = months_first = False
    with suppress(csv.Error):  # What is before the damage is read.
        for row in _rows(file, delimiter):
            day = _SLASHES.fullmatch(row[column]) if len(row) > column else None
            if day is not None:
                days_first, months_first = days_first or int(day[1]) > 12, months_first or int(day[2]) > 12
    return None if days_first == months_first else months_first


def _contact(row: Mapping[str, str], *, months_first: bool | None) -> ContactParts:
    contact = ContactParts()
    for field, columns in TEXT_COLUMNS.items():
        text = next((row[column] for column in columns if column in row), "")
        if field == "groups":
            contact.groups = [part.strip("* ") for part in re.split(r" ::: |;|,", text)]
        elif field == "birthday":
            contact.texts |= {"birthday": day} if (day := _day(text, months_first=months_first)) else {}
        elif text:
            contact.texts[field] = text
    for name, value in row.items():
        if name in VALUE_COLUMNS:
            field, kind = VALUE_COLUMNS[name]
            getattr(contact, field).append((kind, value))
        elif _OUTLOOK_MAIL.fullmatch(name):
            contact.emails.append(("", value))
    _add_numbered(contact, row)
    for kind in ADDRESS_KINDS:
        address = address_text(row.get(f"{kind} {part}", "") for part in ADDRESS_PARTS)
        contact.addresses += [("work" if kind == "business" else kind, address)] if address else []
    return contact


def _add_numbered(contact: ContactParts, row: Mapping[str, str]) -> None:
    """Add what Google writes in columns such as "E-mail 1 - Value" and "E-mail 1 - Type"."""
    for name, value in row.items():
        found = _NUMBERED.fullmatch(name)
        if found is None:
            continue
        what, number, part = found.groups()
        label = row.get(f"{what} {number} - type", "") or row.get(f"{what} {number} - label", "")
        kind = label.strip("* ").lower()
        if what in GOOGLE_FIELDS and part == "value":
            getattr(contact, GOOGLE_FIELDS[what]).extend((kind, one.strip()) for one in value.split(SEVERAL))
        elif what == "address" and part == "formatted":
            contact.addresses.extend((kind, address_text(one.splitlines())) for one in value.split(SEVERAL))
        elif what == "organization" and number == "1":
            field = {"name": "organization", "title": "jobtitle", "department": "department"}.get(part)
            contact.texts |= {field: value} if field else {}


def _day(text: str, *, months_first: bool | None) -> str:
    found = _SLASHES.fullmatch(text)
    if found is None:
        return written_day(text)
    if months_first is None and "." in text:
        months_first = False
    if months_first is None:
        return ""
    month, day = (found[1], found[2]) if months_first else (found[2], found[1])
    return written_day(f"{found[3]}-{month}-{day}")
