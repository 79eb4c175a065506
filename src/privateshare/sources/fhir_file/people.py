"""Detection of the person that a record is about. A record that may be about two people is rejected. ADR 0016."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import combinations
from typing import Any, TypeVar

from privateshare.sources.contract import Broken, JsonObject
from privateshare.sources.fhir_file.patient import (
    UNNAMED,
    Patient,
    birth_day,
    name_words,
    read_identifier,
    read_patient,
)
from privateshare.sources.fhir_file.references import Reference, read_reference
from privateshare.sources.json_records import FoundRecord

_Thing = TypeVar("_Thing")

UNKNOWN = "record"  # Not every record says whose it is.
MAX_PATIENTS, MAX_SUBJECTS, MAX_OTHERS = 100, 500, 100_000
MAX_CONTAINED_DEPTH = 3

# Top-level elements that refer to the subject of a resource. The second group refers only to Patients.
_SUBJECTS = ("subject", "individual", "for", "candidate")
_PATIENTS = ("patient", "beneficiary", "deliverFor")
# Resource types to which a `subject` can refer if it is not a person. Their ids are stored to recognize them.
_OTHER_SUBJECTS = frozenset(
    (
        *("BiologicallyDerivedProduct", "Device", "Group", "HealthcareService", "Location", "Medication"),
        *("Organization", "Practitioner", "PractitionerRole", "Procedure", "RelatedPerson", "Specimen", "Substance"),
    )
)


def several_people() -> Broken:
    """Build the error for a record that is, or may be, about more than one person."""
    return Broken("The file holds the records of several people. Upload the record of one person.")


@dataclass(frozen=True, slots=True)
class Person:
    """The person that a record is about. `account_id` does not depend on which hospitals' records are in the file."""

    account_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of a resource: a reference, an identifier, or only a name.

    Attributes:
        may_be_other: Whether it may also be a thing or a place.
    """

    reference: Reference | None
    identifier: tuple[str, str] | None
    words: frozenset[str]
    may_be_other: bool

    def is_about(self, patient: Patient) -> bool:
        """Return whether it refers to this Patient."""
        if self.reference is not None and patient.is_known_as(self.reference):
            return True
        if self.identifier is not None and self.identifier in patient.identifiers:
            return True
        by_name = self.reference is None and self.identifier is None
        return by_name and any(name.words <= self.words for name in patient.names)

    def may_be(self, other: "Subject") -> bool:
        """Return whether the two may refer to the same person."""
        if self.reference is not None and other.reference is not None:
            return self.reference.may_be(other.reference)
        if self.identifier is not None or other.identifier is not None:
            return self.identifier == other.identifier
        return self.reference is None and other.reference is None and self.words == other.words


@dataclass(slots=True)
class People:
    """The people of a record: its Patients, and the subjects of its other resources.

    Attributes:
        _patients: The Patients, without duplicates.
        _subjects: The subjects that the other resources name. Each may be one of the Patients.
        _linked_patients: Sets of references. Those of one set are to Patients that a Person or Linkage declares to be
            the same person.
        _others: The ids of things and places.
    """

    _patients: list[Patient] = field(default_factory=list)
    _subjects: set[Subject] = field(default_factory=set)
    _linked_patients: list[frozenset[Reference]] = field(default_factory=list)
    _others: set[str] = field(default_factory=set)

    def add_resource(self, resource: JsonObject, full_url: object = None) -> None:
        """Add a resource of the record.

        Args:
            resource: The resource.
            full_url: Its `fullUrl` in a Bundle.

        Raises:
            Broken: The record is certainly about more than one person.
        """
        url = read_reference(full_url)
        server = url.server if url is not None and url.type is not None else None
        kind = resource.get("resourceType")
        if kind == "Patient":
            self._add(read_patient(resource, server, url))
        elif kind in ("Person", "Linkage"):
            self._add_declared_links(resource, server)
        elif kind in _OTHER_SUBJECTS and len(self._others) < MAX_OTHERS:
            self._others.update(id_.lower() for id_ in (resource.get("id"), url and url.id) if isinstance(id_, str))
        self._add_subjects(resource, server, MAX_CONTAINED_DEPTH)

    def person(self) -> Person:
        """Return the person that the record is about.

        Raises:
            Broken: It is not certain that the record is about one person.
        """
        unknown_subjects = [subject for subject in self._subjects if not self._is_known(subject)]
        unknown_references = [subject.reference for subject in unknown_subjects if subject.reference is not None]
        if self._patients:
            # A Patient without an id may be the one that the others refer to.
            all_have_references = len(unknown_references) == len(unknown_subjects)
            may_be_a_patient = all_have_references and not all(patient.has_id for patient in self._patients)
            is_one_person = _are_connected(self._patients, self._are_same_person) and (
                not unknown_subjects or may_be_a_patient
            )
        else:
            is_one_person = _are_connected(unknown_subjects, Subject.may_be)
        if not is_one_person or not all(one.may_be(other) for one, other in combinations(unknown_references, 2)):
            raise several_people()
        return self._describe(unknown_references)

    def _add_subjects(self, resource: JsonObject, server: str | None, depth: int) -> None:
        """Add the subjects of a resource, and the Patients and subjects of the resources that it contains."""
        for subject in _subjects(resource, server):
            self._subjects.add(subject)
            if len(self._subjects) > MAX_SUBJECTS:
                raise several_people()
        contained = resource.get("contained")
        for inner in contained if isinstance(contained, list) and depth else ():
            if isinstance(inner, dict):
                if inner.get("resourceType") == "Patient":
                    self._add(read_patient(inner, server, is_contained=True))
                self._add_subjects(inner, server, depth - 1)

    def _add(self, patient: Patient) -> None:
        if patient in self._patients:
            return
        if len(self._patients) == MAX_PATIENTS or any(patient.contradicts(other) for other in self._patients):
            raise several_people()
        self._patients.append(patient)

    def _add_declared_links(self, resource: JsonObject, server: str | None) -> None:
        """Record the Patients that a Person or a Linkage declares to be the same."""
        name, member = ("link", "target") if resource.get("resourceType") == "Person" else ("item", "resource")
        links = resource.get(name)
        found = (
            read_reference(link[member].get("reference"), server)
            for link in (links if isinstance(links, list) else [])[:MAX_PATIENTS]
            if isinstance(link, dict) and isinstance(link.get(member), dict)
        )
        same = frozenset(
            reference for reference in found if reference is not None and reference.type in (None, "Patient")
        )
        if len(same) > 1 and same not in self._linked_patients and len(self._linked_patients) < MAX_PATIENTS:
            self._linked_patients.append(same)

    def _are_same_person(self, one: Patient, other: Patient) -> bool:
        """Return whether two Patients are the same person, by what they say or by a Person or Linkage."""
        return one.is_same(other) or any(
            any(one.is_known_as(reference) for reference in same)
            and any(other.is_known_as(reference) for reference in same)
            for same in self._linked_patients
        )

    def _is_known(self, subject: Subject) -> bool:
        """Return whether a subject is one of the Patients, is linked to one, or is a thing or place of the record."""
        if any(subject.is_about(patient) for patient in self._patients):
            return True
        reference = subject.reference
        if reference is None:
            return False
        if subject.may_be_other and reference.id.lower() in self._others:
            return True
        linked = [link for patient in self._patients for link in patient.links]
        groups = [
            same for same in self._linked_patients if any(p.is_known_as(one) for p in self._patients for one in same)
        ]
        return any(link.may_be(reference) for link in [*linked, *(one for same in groups for one in same)])

    def _describe(self, unknown_references: list[Reference]) -> Person:
        """Determine the account id and the name of the record's one person.

        Args:
            unknown_references: The subjects that are not among the Patients. Used if no Patient has an id.
        """
        own = [patient for patient in self._patients if not patient.is_contained] or self._patients
        current = [patient for patient in own if not patient.is_replaced] or own
        name = next((patient.shown_name for patient in current if patient.shown_name != UNNAMED), UNNAMED)
        described = sorted(filter(None, map(_description, current)))
        if described:
            return Person(sha256(described[0].encode()).hexdigest()[:32], name)
        own_ids = (
            one.id for patient in current if patient.has_id for one in patient.references if one.type is not None
        )
        ids = sorted(own_ids) or sorted(reference.id for reference in unknown_references)
        return Person(ids[0] if ids else UNKNOWN, name)


def add_found(people: People, found: FoundRecord) -> None:
    """Add a found record to the people, unless it is a deletion."""
    if "resourceType" in found.thing:
        people.add_resource(found.thing, (found.wrapper or {}).get("fullUrl"))


def _description(patient: Patient) -> str | None:
    """Return the name and day of birth, which are the same at every hospital; None if they are unknown."""
    born = birth_day(patient.birth)
    complete = [name for name in patient.names if name.family and name.given]
    names = [name for name in complete if not name.is_former] or complete
    if born is None or not names:
        return None
    return min(f"{' '.join(sorted(name.family))}, {name.given[0]}, {born}" for name in names)


def _subjects(resource: JsonObject, server: str | None) -> Iterator[Subject]:
    for name in (*_SUBJECTS, *_PATIENTS):
        for value in _listed(resource[name]) if name in resource else ():
            yield from _subject(value, server, is_patient=name in _PATIENTS)
    for name in ("participant", "actor"):  # Elements of Appointment and AppointmentResponse.
        for value in _listed(resource[name]) if name in resource else ():
            actor = value.get("actor", value) if isinstance(value, dict) else None
            if isinstance(actor, dict) and _says_patient(actor):
                yield from _subject(actor, server, is_patient=True)


def _subject(value: Any, server: str | None, *, is_patient: bool) -> Iterator[Subject]:
    fields = value if isinstance(value, dict) else {"reference": value}
    text, type_ = fields.get("reference"), fields.get("type")
    reference = read_reference(text, server)
    if reference is not None and reference.type not in (None, "Patient"):
        return
    if (isinstance(type_, str) and type_ != "Patient") or (isinstance(text, str) and text.strip().startswith("#")):
        return
    identifier = fields.get("identifier")
    known = read_identifier(identifier) if isinstance(identifier, dict) else None
    words = name_words(fields.get("display")) if reference is None and known is None else frozenset[str]()
    if reference is not None or known is not None or words:
        certain = is_patient or type_ == "Patient" or (reference is not None and reference.type == "Patient")
        yield Subject(reference, known, words, may_be_other=not certain)


def _says_patient(reference: JsonObject) -> bool:
    read = read_reference(reference.get("reference"))
    return reference.get("type") == "Patient" or (read is not None and read.type == "Patient")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _are_connected(things: Sequence[_Thing], are_one: Callable[[_Thing, _Thing], bool]) -> bool:
    """Return whether all things are connected, directly or through others."""
    if not things:
        return True
    reached, waiting = [things[0]], list(things[1:])
    for thing in reached:
        reached += [other for other in waiting if are_one(thing, other)]
        waiting = [other for other in waiting if not any(other is one for one in reached)]
    return not waiting
