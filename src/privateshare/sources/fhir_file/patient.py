"""The data of a Patient, and the decision whether two Patients are certainly the same person. ADR 0016."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from privateshare.protocol.dates import read_date
from privateshare.protocol.window import Window
from privateshare.sources.contract import JsonObject
from privateshare.sources.fhir_file.references import Reference, read_reference

UNNAMED = "Health record"

DAY_MILLISECONDS = 86_400_000
MAX_NAMES, MAX_IDENTIFIERS, MAX_LINKS, MAX_TEXT = 20, 50, 50, 500
# National numbers, of which each person has only one: different numbers mean different people.
NATIONAL_SYSTEMS = frozenset(
    (
        *("http://hl7.org/fhir/sid/us-ssn", "urn:oid:2.16.840.1.113883.4.1", "https://fhir.nhs.uk/Id/nhs-number"),
        *("http://fhir.nl/fhir/NamingSystem/bsn", "urn:oid:2.16.840.1.113883.2.4.6.3"),
    )
)
_NATIONAL_TYPE = re.compile(r"SS|NI|SB|NN[A-Z]{0,3}")
FORMER_USES = ("old", "maiden", "nickname", "anonymous", "temp")
_TITLES = frozenset(("dr", "frau", "herr", "miss", "mr", "mrs", "ms", "prof"))
_SEXES = frozenset(("male", "female"))
# Words before a family name that some hospitals omit.
_PARTICLES = frozenset(
    (
        *("al", "ap", "bin", "da", "dal", "de", "dei", "del", "della", "den", "der", "di", "do", "dos", "du", "el"),
        *("la", "le", "les", "st", "ten", "ter", "van", "vom", "von", "y", "zu", "zum", "zur"),
    )
)
# Letters that Unicode does not decompose, and pairs that replace a single letter in programs limited to ASCII.
_PLAIN_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "a", "œ": "o", "ı": "i"})
_PAIRS = re.compile(r"([aou])e|aa")
_APOSTROPHES = re.compile(r"['\u2019\u02bc`\u00b4]")
# Placeholders for unknown numbers, and characters that mask digits.
_PLACEHOLDER = re.compile(
    r"(?i:0|(.)\1{2,}|0*123456789?0?|n/?a|nil|none|null|test|unk|unknown|tbd|missing|notavailable)"
)
_DAY_AND_TIME = re.compile(r"\s*(\d{4}-\d{2}-\d{2})T", re.ASCII)
_MASKS = "*xX#?•"


@dataclass(frozen=True, slots=True)
class Name:
    """A name as words in lower case and without accents. `words` contains all of them.

    `is_former` is true for former names and nicknames.
    """

    family: frozenset[str]
    given: tuple[str, ...]
    suffix: frozenset[str]
    words: frozenset[str]
    is_former: bool = False

    def agrees(self, other: "Name", *, exactly: bool) -> bool:
        """Return whether both can be names of the same person. Given names after the first may be short or missing."""
        if self.suffix and other.suffix and self.suffix != other.suffix:
            return False
        if not (self.family and self.given and other.family and other.given):
            return len(self.words) > 1 and self.words == other.words
        if self.family != other.family:
            return False
        if exactly:
            return self.given == other.given
        shorter, longer = sorted((self.given, other.given), key=len)
        return shorter[0] == longer[0] and _is_short_for(shorter[1:], longer[1:])


@dataclass(frozen=True, slots=True)
class Patient:
    """The data of a Patient.

    Attributes:
        references: The references that can refer to it.
        has_id: Whether it has an id.
        birth: The date of birth; None if it is unknown.
        birth_order: The position among children of a multiple birth.
        is_one_of_several: Whether it was a multiple birth.
        links: The Patients that it declares to be the same person.
        linked_identifiers: The identifiers of such Patients, if it has no references.
        is_replaced: Whether it declares that another Patient replaces it.
        is_contained: Whether it is contained in another resource, and therefore has little data.
        version: Its version id and update time.
        shown_name: The name as it is in FHIR.
    """

    references: frozenset[Reference]
    has_id: bool
    names: tuple[Name, ...]
    birth: Window | None
    sex: str | None
    birth_order: int | None
    is_one_of_several: bool
    identifiers: frozenset[tuple[str, str]]
    national: frozenset[tuple[str, str]]
    links: frozenset[Reference]
    linked_identifiers: frozenset[tuple[str, str]]
    is_replaced: bool
    is_contained: bool
    version: tuple[str, str] | None
    shown_name: str

    def is_known_as(self, reference: Reference) -> bool:
        """Return whether a reference may refer to this Patient."""
        return any(own.may_be(reference) for own in self.references)

    def contradicts(self, other: "Patient") -> bool:
        """Return whether the two cannot be the same person."""
        if self.birth and other.birth and not self.birth.touches(other.birth):
            # A newer version of the same resource may correct the date of birth.
            return not (self._is_version_of(other) and self._has_name_of(other))
        if None not in (self.birth_order, other.birth_order) and self.birth_order != other.birth_order:
            return True
        mine, theirs = _values_by_system(self.national), _values_by_system(other.national)
        return any(
            not any(_may_be_number(one, another) for one in mine[system] for another in theirs[system])
            for system in mine.keys() & theirs.keys()
        )

    def is_same(self, other: "Patient") -> bool:
        """Return whether the two are certainly the same person."""
        if self.contradicts(other):
            return False
        if self.names_same_person(other) or self._is_linked_to(other):
            return True
        if self.identifiers & other.identifiers and not self._has_other_given_name(other):
            return True  # Family members may share an insurance number, but not a given name.
        if self.is_contained or other.is_contained:
            return self._has_name_of(other)
        if not self._shares_reference(other):
            return False
        unnamed = not self.names or not other.names
        return (unnamed and {self.sex, other.sex} != _SEXES) or self._has_name_of(other) or self._is_version_of(other)

    def names_same_person(self, other: "Patient") -> bool:
        """Return whether name and date of birth are the same, and the sex does not differ."""
        if self.birth is None or other.birth is None or {self.sex, other.sex} == _SEXES:
            return False
        return _is_day(self.birth) and _is_day(other.birth) and self._has_name_of(other)

    def _has_name_of(self, other: "Patient") -> bool:
        exactly = self.is_one_of_several or other.is_one_of_several
        return any(mine.agrees(theirs, exactly=exactly) for mine in self.names for theirs in other.names)

    def _has_other_given_name(self, other: "Patient") -> bool:
        mine, theirs = (
            {word for name in patient.names for word in name.given or name.words} for patient in (self, other)
        )
        return bool(mine and theirs) and mine.isdisjoint(theirs)

    def _shares_reference(self, other: "Patient") -> bool:
        return any(self.is_known_as(reference) for reference in other.references)

    def _is_version_of(self, other: "Patient") -> bool:
        versions = {self.version, other.version}
        return self._shares_reference(other) and None not in versions and len(versions) > 1

    def _is_linked_to(self, other: "Patient") -> bool:
        return (
            any(other.is_known_as(link) for link in self.links)
            or any(self.is_known_as(link) for link in other.links)
            or any(mine.may_be(theirs) for mine in self.links for theirs in other.links)
            or not self.linked_identifiers.isdisjoint(other.identifiers | other.linked_identifiers)
            or not other.linked_identifiers.isdisjoint(self.identifiers)
        )


def read_patient(
    patient: JsonObject, server: str | None = None, full_url: Reference | None = None, *, is_contained: bool = False
) -> Patient:
    """Parse a Patient. Invalid elements are ignored.

    Args:
        patient: The resource.
        server: Its server, if it is known.
        full_url: Its `fullUrl`, if it is in a Bundle.
        is_contained: Whether it is contained in another resource.
    """
    id_ = patient.get("id")
    has_id = isinstance(id_, str) and bool(id_) and not is_contained
    own = {Reference("Patient", str(id_), server)} if has_id else set()
    identifiers = list(_identifiers(patient))
    order, several = patient.get("multipleBirthInteger"), patient.get("multipleBirthBoolean")
    is_number = isinstance(order, int) and not isinstance(order, bool)
    links = _objects(patient.get("link"))[:MAX_LINKS]
    return Patient(
        references=frozenset(own | ({full_url} if full_url else set())),
        has_id=has_id,
        names=tuple(_names(patient)),
        birth=_read_birth(patient.get("birthDate")),
        sex=sex if (sex := patient.get("gender")) in ("male", "female") else None,
        birth_order=order if is_number else None,
        is_one_of_several=is_number or several is True,
        identifiers=frozenset((system, value) for system, value, _ in identifiers if not _is_masked(value)),
        national=frozenset((system, value) for system, value, is_national in identifiers if is_national),
        links=frozenset(reference for link in links if (reference := _linked(link, server)) is not None),
        linked_identifiers=frozenset(known for link in links if (known := _linked_identifier(link)) is not None),
        is_replaced=any(link.get("type") in ("replaced-by", "replace") for link in links),
        is_contained=is_contained,
        version=_version(patient),
        shown_name=patient_name(patient),
    )


def patient_name(patient: JsonObject) -> str:
    """Return the person's name as it is in FHIR, or a general word if the name has an unexpected structure."""
    try:
        name = patient["name"][0]
        words = name.get("text") or " ".join([*name.get("given", []), name.get("family", "")])
        return str(words).strip()[:MAX_TEXT] or UNNAMED
    except (KeyError, IndexError, AttributeError, TypeError):
        return UNNAMED


def _names(patient: JsonObject) -> Iterator[Name]:
    for name in _objects(patient.get("name"))[:MAX_NAMES]:
        family = frozenset(_words(name.get("family")))
        family = family - _PARTICLES or family
        given, suffix = tuple(_words(name.get("given"))), frozenset(_words(name.get("suffix")))
        words = family.union(given) or frozenset(_words(name.get("text")))
        if words:
            yield Name(family, given, suffix, words, is_former=name.get("use") in FORMER_USES)


def _words(value: Any) -> list[str]:
    """Return the words of a text, or of a list of texts, normalized for comparison."""
    texts = [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    plain = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", " ".join(texts)[:MAX_TEXT]))
    letters = "".join(c for c in plain if not unicodedata.combining(c)).casefold().translate(_PLAIN_LETTERS)
    letters = _PAIRS.sub(lambda pair: pair[1] or "a", letters)
    return [word for word in re.findall(r"[^\W_]+", letters) if word not in _TITLES]


def name_words(text: object) -> frozenset[str]:
    """Return the words of a person's name, normalized for comparison."""
    return frozenset(_words(text))


def _is_short_for(short: tuple[str, ...], long: tuple[str, ...]) -> bool:
    """Return whether each name, or its first letter, is among the others, in the same order."""
    rest = iter(long)
    return all(any(name in (one, one[:1]) or one == name[:1] for one in rest) for name in short)


def _is_day(birth: Window) -> bool:
    return birth.start is not None and birth.end is not None and birth.end - birth.start < DAY_MILLISECONDS


def _read_birth(value: Any) -> Window | None:
    """Read a day of birth: where a time is there too, the day is the one that is written, in whatever zone."""
    match = _DAY_AND_TIME.match(value) if isinstance(value, str) else None
    return read_date(match[1] if match else value)


def birth_day(birth: Window | None) -> str | None:
    """Return the day of birth, such as 1980-01-01; None if only the month or year is known."""
    if birth is None or birth.start is None or not _is_day(birth):
        return None
    return datetime.fromtimestamp(birth.start / 1000, UTC).date().isoformat()


def read_identifier(identifier: JsonObject) -> tuple[str, str] | None:
    """Return the system and the normalized value of an identifier; None if one of them is missing."""
    system, value = identifier.get("system"), identifier.get("value")
    if not (isinstance(system, str) and isinstance(value, str) and system and value):
        return None
    return (system, re.sub(r"[\s-]", "", value)) if len(system + value) < MAX_TEXT else None


def _identifiers(patient: JsonObject) -> Iterator[tuple[str, str, bool]]:
    for identifier in _objects(patient.get("identifier"))[:MAX_IDENTIFIERS]:
        if (read := read_identifier(identifier)) is not None:
            type_ = identifier.get("type")
            codes = _objects(type_.get("coding")) if isinstance(type_, dict) else []
            national = any(_NATIONAL_TYPE.fullmatch(str(coding.get("code"))) for coding in codes)
            if not _PLACEHOLDER.fullmatch(read[1]):
                yield *read, national or read[0] in NATIONAL_SYSTEMS


def _values_by_system(identifiers: frozenset[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for system, value in identifiers:
        values.setdefault(system, []).append(value)
    return values


def _may_be_number(one: str, other: str) -> bool:
    """Return whether two numbers may be the same, considering masked digits."""
    if len(one) != len(other):
        return False
    return all(a == b or a in _MASKS or b in _MASKS for a, b in zip(one, other, strict=True))


def _linked_identifier(link: JsonObject) -> tuple[str, str] | None:
    """Return the identifier of the linked Patient, if the link has no reference."""
    other = link.get("other")
    if not isinstance(other, dict) or other.get("reference") or other.get("type") not in (None, "Patient"):
        return None
    identifier = other.get("identifier")
    read = read_identifier(identifier) if isinstance(identifier, dict) else None
    return read if read is None or not (_PLACEHOLDER.fullmatch(read[1]) or _is_masked(read[1])) else None


def _is_masked(value: str) -> bool:
    return sum(character in _MASKS for character in value) > 1


def _linked(link: JsonObject, server: str | None) -> Reference | None:
    other = link.get("other")
    found = read_reference(other.get("reference") if isinstance(other, dict) else other, server)
    return found if found is not None and found.type in (None, "Patient") else None


def _version(patient: JsonObject) -> tuple[str, str] | None:
    meta = patient.get("meta")
    if not isinstance(meta, dict) or not (meta.get("versionId") or meta.get("lastUpdated")):
        return None
    return str(meta.get("versionId")), str(meta.get("lastUpdated"))


def _objects(value: Any) -> list[JsonObject]:
    """Return the objects of a list, or a single object as a list."""
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]
