"""What the entries of all sections of a CDA document have in common."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from privateshare.sources.contract import JsonObject
from privateshare.sources.fhir_file.cda_values import (
    Element,
    Narrative,
    child,
    children,
    concept,
    display_name,
    identifiers,
    local,
)
from privateshare.sources.object_building import stable_id

HL7 = "http://terminology.hl7.org/CodeSystem/"
# What these say lasts, and the time that they state may be corrected. Anything else is at a time.
LASTING = frozenset({"AllergyIntolerance", "Condition", "FamilyMemberHistory"})


@dataclass(frozen=True, slots=True)
class Context:
    """What entries of a section need to know.

    Attributes:
        patient: A reference to the patient.
        narrative: The texts of the section.
        category: The category of its observations.
        section: Its title.
    """

    patient: JsonObject
    narrative: Narrative
    category: str = ""
    section: str = ""

    def resource(self, kind: str, entry: Element, fields: Mapping[str, Any]) -> JsonObject:
        """Build a resource without its missing elements. The same entry has the same id in each document."""
        known = {name: value for name, value in fields.items() if value not in (None, "", [], {})}
        ids = identifiers(entry)
        if ids:
            known["identifier"] = ids
        own = [f"{one['system']} {one['value']}" for one in ids[:1]]
        code = str(known.get("code") or known.get("vaccineCode") or known.get("type") or "")
        # Some systems give one id to all entries of a panel, or to the same measurement of all visits.
        when = [] if kind in LASTING else [_written_time(entry)]
        own_id = stable_id(kind, *own, code, *(when if own else (sorted(known.items(), key=str),)))
        return {"resourceType": kind, "id": own_id, **known}

    def concept(self, element: Element | None) -> JsonObject | None:
        """Return a code of this section."""
        return concept(element, self.narrative)

    def code_of(self, entry: Element) -> JsonObject | None:
        """Return the code of an entry, or what its text says it is."""
        text = self.narrative.of(child(entry, "text"))
        return self.concept(child(entry, "code")) or ({"text": text} if text else None)


Mapper = Callable[[Element, Context], Iterator[JsonObject]]


def hl7_code(system: str, code: str) -> JsonObject:
    """Build a code of one of the code systems of HL7."""
    return {"coding": [{"system": HL7 + system, "code": code}]}


def _written_time(entry: Element) -> str:
    time = child(entry, "effectiveTime")
    times = (time, child(time, "low"), child(time, "high")) if time is not None else ()
    return next((text for one in times if one is not None and (text := one.get("value"))), "")


def status_of(entry: Element) -> str:
    """Return the status of an entry; empty if it has none."""
    status = child(entry, "statusCode")
    return (status.get("code") or "") if status is not None else ""


def says_not(entry: Element) -> bool:
    """Return whether an entry says that something was not the case."""
    return bool(entry.get("negationInd") == "true")


def related(entry: Element, kind: str) -> Iterator[Element]:
    """Yield the observations and acts that an entry is related to in one way."""
    for relation in children(entry, "entryRelationship"):
        if relation.get("typeCode") == kind:
            yield from (one for one in relation if local(one) in ("observation", "act"))


def performers(entry: Element) -> list[JsonObject]:
    """Return who did something."""
    people = children(entry, "performer", "assignedEntity", "assignedPerson", "name")
    return [{"actor": {"display": name}} for one in people if (name := display_name(one))]


def person_named(element: Element | None) -> JsonObject | None:
    """Return a person by their name."""
    name = display_name(element)
    return {"display": name} if name else None
