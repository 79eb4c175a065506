"""The catalogue: ids and names of service groups, service types, object types and sources.

Code uses the enumerations; `catalogue()` holds the names that people and clients see, and also the services that only
one source registers (`registrations.py`), which the enumeration does not have. Ids of 9000 and above were added
by this project: files, servers and apps that digi.me has no id for, the types of their objects, and the FHIR resource
types that are not among digi.me's ids 127 to 138.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from importlib.resources import files
from itertools import chain
from typing import Any

from privateshare.protocol.registrations import Registration, own_registrations

PULL = 1
ALL_PLATFORMS = (3, 4, 5)
MAX_DIGITS = 9


class ServiceGroup(IntEnum):
    """A group of services."""

    SOCIAL = 1
    MEDICAL = 2
    FINANCE = 3
    HEALTH_FITNESS = 4
    ENTERTAINMENT = 5
    GOVERNMENT = 6


class ServiceType(IntEnum):
    """A service, such as Spotify. Several sources can belong to one service."""

    FACEBOOK = 1
    FACEBOOK_PAGE = 2
    TWITTER = 3
    INSTAGRAM_OLD = 4
    PINTEREST = 9
    FLICKR = 12
    ICELAND_HEALTH = 16
    YODLEE = 17
    FITBIT = 18
    SPOTIFY = 19
    OPEN_EPIC = 20
    GARMIN = 21
    CERNER = 22
    DVLA = 25
    APPLE_HEALTH = 28
    EMIS = 30
    YOUTUBE = 31
    PLAID = 32
    GOOGLE_FIT = 33
    MEDMIJ = 37
    SALT_EDGE_DIRECT = 38
    SALT_EDGE_PARTNER = 39
    INSTAGRAM = 40
    NHS = 41
    FHIR_FILE = 9001
    APPLE_HEALTH_RECORDS = 9002
    WHATSAPP = 9003
    GOOGLE_TIMELINE = 9004
    CHATGPT = 9005
    CLAUDE = 9006
    NETFLIX = 9007
    FHIR_SERVER = 9100


class ObjectType(IntEnum):
    """The type of the objects in a mapped file."""

    MEDIA = 1
    POST = 2
    COMMENT = 7
    LIKE = 10
    MEDIA_ALBUM = 12
    SOCIAL_NETWORK_USER = 15
    PROFILE = 19
    ADMISSION = 100
    ARRIVAL_AMBULATORY = 101
    ARRIVAL_PRIMARY_HEALTH = 102
    PRESCRIPTION = 103
    MEDICATION = 104
    DIAGNOSIS = 105
    VACCINATION = 106
    ALLERGY = 107
    ARRIVAL_EMERGENCY = 108
    PRESCRIBED_ITEM = 109
    MEASUREMENT = 111
    ALLERGY_INTOLERANCE = 127
    CONDITION = 128
    IMMUNIZATION = 129
    MEDICATION_REQUEST = 130
    FAMILY_MEMBER_HISTORY = 131
    OBSERVATION = 132
    PROCEDURE = 133
    DIAGNOSTIC_REPORT = 134
    DEVICE = 135
    ENCOUNTER = 136
    MEDICATION_DISPENSE = 137
    MEDICATION_STATEMENT = 138
    TRANSACTION = 201
    ACTIVITY = 300
    DAILY_ACTIVITY_SUMMARY = 301
    ACHIEVEMENT = 302
    SLEEP = 303
    EPOCH_SUMMARY = 304
    STRESS_SUMMARY = 305
    BODY_COMPOSITION_SUMMARY = 306
    MOVE_IQ_SUMMARY = 307
    ROUTE = 9001
    MESSAGE = 9002
    WATCH = 9003
    SEARCH = 9004
    PLACE_VISIT = 9005
    ASSISTANT_MESSAGE = 9006
    MAIL = 9007
    EVENT = 9008
    CONTACT = 9009
    PURCHASE = 9010
    BOOK = 9011
    NOTE = 9012
    WEB_VISIT = 9013
    TRACK = 400
    ALBUM = 401
    PLAYLIST = 403
    SAVED_ALBUM = 404
    SAVED_TRACK = 405
    PLAY_HISTORY = 406
    FOLLOWED_ARTIST = 407
    VEHICLE_TEST = 500
    VEHICLE_REGISTRATION = 501
    PATIENT = 9101
    PRACTITIONER = 9102
    PRACTITIONER_ROLE = 9103
    ORGANIZATION = 9104
    LOCATION = 9105
    HEALTHCARE_SERVICE = 9106
    ENDPOINT = 9107
    RELATED_PERSON = 9108
    PERSON = 9109
    GROUP = 9110
    FHIR_MEDICATION = 9111
    MEDICATION_ADMINISTRATION = 9112
    CARE_PLAN = 9113
    CARE_TEAM = 9114
    GOAL = 9115
    SERVICE_REQUEST = 9116
    NUTRITION_ORDER = 9117
    VISION_PRESCRIPTION = 9118
    IMAGING_STUDY = 9119
    FHIR_MEDIA = 9120
    SPECIMEN = 9121
    BODY_STRUCTURE = 9122
    DOCUMENT_REFERENCE = 9123
    COMPOSITION = 9124
    BINARY = 9125
    DOCUMENT_MANIFEST = 9126
    COMMUNICATION = 9127
    COMMUNICATION_REQUEST = 9128
    APPOINTMENT = 9129
    APPOINTMENT_RESPONSE = 9130
    EPISODE_OF_CARE = 9131
    FLAG = 9132
    CLINICAL_IMPRESSION = 9133
    DETECTED_ISSUE = 9134
    RISK_ASSESSMENT = 9135
    QUESTIONNAIRE_RESPONSE = 9136
    QUESTIONNAIRE = 9137
    CONSENT = 9138
    COVERAGE = 9139
    CLAIM = 9140
    CLAIM_RESPONSE = 9141
    EXPLANATION_OF_BENEFIT = 9142
    ACCOUNT = 9143
    INVOICE = 9144
    SUPPLY_REQUEST = 9145
    SUPPLY_DELIVERY = 9146
    DEVICE_REQUEST = 9147
    DEVICE_USE_STATEMENT = 9148
    DEVICE_METRIC = 9149
    IMMUNIZATION_RECOMMENDATION = 9150
    IMMUNIZATION_EVALUATION = 9151
    MOLECULAR_SEQUENCE = 9152
    RESEARCH_SUBJECT = 9153
    ADVERSE_EVENT = 9154
    SUBSTANCE = 9155
    TASK = 9156
    PROVENANCE = 9157
    LIST = 9158
    BASIC = 9159
    SCHEDULE = 9160
    SLOT = 9161
    CHARGE_ITEM = 9162
    PAYMENT_NOTICE = 9163
    PAYMENT_RECONCILIATION = 9164
    COVERAGE_ELIGIBILITY_REQUEST = 9165
    COVERAGE_ELIGIBILITY_RESPONSE = 9166
    AUDIT_EVENT = 9167
    LINKAGE = 9168
    ENROLLMENT_REQUEST = 9169
    ENROLLMENT_RESPONSE = 9170
    INSURANCE_PLAN = 9171
    CONTRACT = 9172
    MEASURE_REPORT = 9173
    REQUEST_GROUP = 9174
    GUIDANCE_RESPONSE = 9175
    RESEARCH_STUDY = 9176
    ORGANIZATION_AFFILIATION = 9177
    DEVICE_DEFINITION = 9178
    BIOLOGICALLY_DERIVED_PRODUCT = 9179
    MEDICATION_KNOWLEDGE = 9180
    VERIFICATION_RESULT = 9181


class SourceType(IntEnum):
    """The direction of a source: the platform fetches from it (pull) or sends to it (push)."""

    PULL = 1
    PUSH = 2


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """An entry with a name. `reference` identifies it in JSON; `group` is the id of its service group, if any."""

    id: int
    name: str
    reference: str
    group: int | None = None


class CatalogueEntries(dict[int, CatalogueEntry]):
    """Entries by id. Data of a package that was uninstalled has ids without an entry: they get one without a group.

    Such an id is not among the keys, so `in` and `get` still say that it is unknown.
    """

    def __missing__(self, id_: int) -> CatalogueEntry:
        return CatalogueEntry(id_, f"Unknown ({id_})", f"unknown{id_}")


@dataclass(frozen=True, slots=True)
class CatalogueSource:
    """A source as discovery lists it. Protocol 9."""

    id: int
    name: str
    reference: str
    service_type: int
    groups: tuple[int, ...]
    countries: tuple[int, ...]
    types: tuple[int, ...]
    platforms: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CatalogueCountry:
    """A country with its two-letter code."""

    id: int
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All entries of the catalogue, by id."""

    service_groups: Mapping[int, CatalogueEntry]
    service_types: Mapping[int, CatalogueEntry]
    object_types: Mapping[int, CatalogueEntry]
    sources: Mapping[int, CatalogueSource]
    countries: Mapping[int, CatalogueCountry]
    platforms: Mapping[int, CatalogueEntry]
    source_types: Mapping[int, CatalogueEntry]

    def object_types_of_group(self, group: int) -> Sequence[CatalogueEntry]:
        """List the object types that belong to a service group."""
        return [entry for entry in self.object_types.values() if entry.group == group]


_installed: list[Registration] = []


@cache
def catalogue() -> Catalogue:
    """Return the catalogue of this version, with what sources register. It is read from disk once."""
    return make_catalogue(registrations())


def registrations() -> Sequence[Registration]:
    """Return the registrations of this version's sources, and of the installed ones that the platform accepted."""
    return [*own_registrations(), *_installed]


def register(folder: Registration) -> None:
    """Add the registration of an installed package, which was checked, to the catalogue of this process."""
    _installed.append(folder)
    catalogue.cache_clear()
    _object_types_by_reference.cache_clear()


def make_catalogue(folders: Sequence[Registration]) -> Catalogue:
    """Make a catalogue of this version's entries and those of some folders."""
    raw = json.loads(files("privateshare.protocol").joinpath("catalogue.json").read_text("utf-8"))
    return Catalogue(
        service_groups=_named(raw["serviceGroups"]),
        service_types=_named(chain(raw["serviceTypes"], *(folder.service_types for folder in folders))),
        object_types=_named(chain(raw["objectTypes"], *(folder.object_types for folder in folders))),
        sources={
            entry["id"]: _source(entry) for entry in chain(raw["sources"], *(folder.sources for folder in folders))
        },
        countries={entry["id"]: CatalogueCountry(**entry) for entry in raw["countries"]},
        platforms=_named(raw["platforms"]),
        source_types=_named(raw["sourceTypes"]),
    )


def object_type_of(reference: str | None, file_name: str) -> int | None:
    """Determine a file's object type from its metadata, or otherwise from its name. Protocol 6.2, 6.6.

    Args:
        reference: `objectType` in the file's metadata, such as "playhistory".
        file_name: The file's name, such as "18_5_19_1_406_D202604_1.json".

    Returns:
        The object type's id, or None if neither names a known object type.
    """
    known = _object_types_by_reference().get(reference or "")
    if known is not None:
        return known
    # Names have the form 18_{group}_{service}_{account}_{object type}_… (protocol 6.6).
    parts = file_name.removesuffix(".json").split("_")
    number = parts[4] if len(parts) > 4 and parts[0] == "18" else ""
    is_number = number.isascii() and number.isdecimal() and len(number) <= MAX_DIGITS
    return int(number) if is_number and int(number) in catalogue().object_types else None


def account_of_name(file_name: str) -> str:
    """Return the part of a file's name that identifies its account, `18_{group}_{service}_{account}`; "" without one.

    Protocol 6.6.
    """
    parts = file_name.split("_")
    return "_".join(parts[:4]) if len(parts) > 4 and parts[0] == "18" else ""


def service_of_name(file_name: str) -> str | None:
    """Return the reference of the service that a file's name tells, such as "spotify"; None if it tells none."""
    number = account_of_name(file_name).split("_")[2:3]
    is_number = bool(number) and number[0].isascii() and number[0].isdecimal() and len(number[0]) <= MAX_DIGITS
    known = catalogue().service_types.get(int(number[0])) if is_number else None
    return known.reference if known is not None else None


@cache
def _object_types_by_reference() -> Mapping[str, int]:
    return {entry.reference: entry.id for entry in catalogue().object_types.values()}


def _named(entries: Iterable[Mapping[str, Any]]) -> CatalogueEntries:
    return CatalogueEntries({entry["id"]: CatalogueEntry(**entry) for entry in entries})


def _source(entry: Mapping[str, Any]) -> CatalogueSource:
    return CatalogueSource(
        id=entry["id"],
        name=entry["name"],
        reference=entry["reference"],
        service_type=entry["serviceType"],
        groups=tuple(entry["groups"]),
        countries=tuple(entry.get("countries", ())),
        types=tuple(entry.get("types", (PULL,))),
        platforms=tuple(entry.get("platforms", ALL_PLATFORMS)),
    )
