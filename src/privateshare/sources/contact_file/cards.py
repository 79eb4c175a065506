"""The contacts of a file of vCards, in versions 2.1, 3.0 and 4.0."""

import re
from collections.abc import Iterator, Mapping, Sequence

from privateshare.sources.archive import UploadedFile
from privateshare.sources.calendar_file.moments import read_time
from privateshare.sources.calendar_file.zones import Zones
from privateshare.sources.contact_file.building import ContactParts, address_text, written_day
from privateshare.sources.content_lines import Property, content_lines, read_property

BEGIN, END = "BEGIN:VCARD", "END:VCARD"
START_LINES = 20
MAX_LINES = 5000
MAX_GROUPS = 20_000
NAMES = ("lastname", "firstname", "middlename", "nameprefix", "namesuffix")
TEXTS: Mapping[str, str] = {"FN": "name", "NICKNAME": "nickname", "TITLE": "jobtitle", "NOTE": "note"}
# Kinds that say nothing of what an address or number is for.
OTHER_KINDS = frozenset({"pref", "internet", "voice", "x400", "uri", "text", "x-voice", "msg"})
PROFILES = ("X-AIM", "X-ICQ", "X-JABBER", "X-MSN", "X-YAHOO", "X-SKYPE", "X-SKYPE-USERNAME", "X-GTALK", "X-QQ")

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_SEMICOLON, _COMMA = re.compile(r"(?<!\\);"), re.compile(r"(?<!\\),")
_APPLE_LABEL = re.compile(r"_\$!<(.*)>!\$_")

Card = Sequence[Property]


class NoCards(Exception):
    """The file holds no vCards."""


def contacts_of_cards(file: UploadedFile) -> Iterator[ContactParts]:
    """Yield the contacts of a file. Groups are not contacts, but their members have their names.

    Raises:
        NoCards: It holds none.
    """
    groups: dict[str, list[str]] = {}
    for card in _cards(file):
        if _is_group(card) and len(groups) < MAX_GROUPS:
            name = next((_plain(one.written) for one in card if one.name == "FN"), "")
            for one in card:
                if one.name in ("MEMBER", "X-ADDRESSBOOKSERVER-MEMBER"):
                    groups.setdefault(_uid(one), []).append(name)
    for card in _cards(file):
        if not _is_group(card):
            contact = _contact(card)
            contact.groups += groups.get(contact.uid, [])
            yield contact


def _cards(file: UploadedFile) -> Iterator[Card]:
    card: list[Property] | None = None
    depth, found = 0, False
    for number, line in enumerate(content_lines(file)):
        word = line.strip().upper().replace(" ", "")
        if word == BEGIN:
            found = True
            depth += card is not None
            card = card if card is not None else []
        elif not found and number > START_LINES:
            break
        elif word == END and depth:
            depth -= 1  # The end of a vCard in a vCard, such as that of an assistant.
        elif word == END and card is not None:
            yield card
            card = None
        elif card is not None and not depth and len(card) < MAX_LINES and (one := read_property(line)) is not None:
            card.append(one)
    if card:
        yield card
    if not found:
        raise NoCards


def _is_group(card: Card) -> bool:
    return any(
        one.name in ("KIND", "X-ADDRESSBOOKSERVER-KIND") and one.value.strip().lower() == "group" for one in card
    )


def _contact(card: Card) -> ContactParts:
    contact = ContactParts()
    labels = {one.group.lower(): _label(one) for one in card if one.name == "X-ABLABEL" and one.group}
    for one in card:
        kind = labels.get(one.group.lower(), "") or _kind(one)
        if one.name in TEXTS:
            _add_text(contact, TEXTS[one.name], _plain(one.written))
        elif one.name == "N":
            for name, part in zip(NAMES, _SEMICOLON.split(one.written), strict=False):
                _add_text(contact, name, " ".join(_plain(one_name) for one_name in _COMMA.split(part)).strip())
        elif one.name == "ORG":
            organization, *departments = (_plain(part) for part in _SEMICOLON.split(one.written))
            _add_text(contact, "organization", organization)
            _add_text(contact, "department", address_text(departments))
        elif one.name == "EMAIL":
            contact.emails.append((kind, _plain(one.written)))
        elif one.name == "TEL":
            contact.phones.append((kind, _plain(one.written).removeprefix("tel:")))
        elif one.name == "ADR":
            parts = (address_text(_plain(two) for two in _COMMA.split(part)) for part in _SEMICOLON.split(one.written))
            contact.addresses.append((kind, address_text(parts)))
        elif one.name in ("URL", "IMPP", "X-SOCIALPROFILE"):
            contact.links.append((kind, _plain(one.written)))
        elif one.name in PROFILES:
            contact.links.append((one.name.split("-")[1].lower(), _plain(one.written)))
        else:
            _add_other(contact, one)
    return contact


def _add_other(contact: ContactParts, one: Property) -> None:
    if one.name == "BDAY":
        year = one.parameters.get("X-APPLE-OMIT-YEAR")
        _add_text(
            contact, "birthday", written_day(one.value, without_year=bool(year) and one.value.startswith(str(year)))
        )
    elif one.name == "CATEGORIES":
        contact.groups += [_plain(part) for part in _COMMA.split(one.written)]
    elif one.name == "UID":
        contact.uid = _uid(one)
    elif one.name == "REV" and (time := read_time(one, Zones({}))) is not None:
        contact.changed = time.milliseconds


def _add_text(contact: ContactParts, name: str, text: str) -> None:
    if text and name not in contact.texts:
        contact.texts[name] = text


def _plain(written: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], written).replace("\r\n", "\n").strip()


def _uid(one: Property) -> str:
    return one.value.strip().removeprefix("urn:uuid:")


def _label(one: Property) -> str:
    text = _plain(one.written)
    found = _APPLE_LABEL.fullmatch(text)
    return found[1].lower() if found is not None else text


def _kind(one: Property) -> str:
    kinds = (kind.strip(" \"'").lower() for kind in one.parameters.get("TYPE", "").split(","))
    return " ".join(dict.fromkeys(kind for kind in kinds if kind and kind not in OTHER_KINDS))
