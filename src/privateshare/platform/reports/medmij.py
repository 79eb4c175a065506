"""MedMij: the requests to its care providers, and its format of the portability report. Protocol 12.3.

The requests are stored encrypted with each account. docs/report.md says which sources describe the report's format,
and which parts of it are uncertain.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import orjson

from privateshare.platform.db.tables import AccountRow
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.protocol.catalogue import ServiceGroup, ServiceType
from privateshare.protocol.scope import ObjectKind, Reach
from privateshare.protocol.window import Window
from privateshare.sources.contract import MedMijService

NAMESPACE = "xmlns://afsprakenstelsel.medmij.nl/PortabiliteitsRapport/release1/"
SEALED_REQUESTS = "medmij requests"
FIRST_SECOND_OF_YEAR_1, LAST_SECOND_OF_YEAR_9999 = -62_135_596_800, 253_402_300_799

# --- the requests ---


@dataclass(frozen=True, slots=True)
class DataServiceRequest:
    """A request to a data service whose response was complete.

    Attributes:
        object_type: The type of the requested objects.
        address: The URL of the request.
        at: When it was sent.
        whole: Whether it asked for all objects of the type, not only for changes.
    """

    object_type: int
    address: str = field(repr=False)
    at: datetime
    whole: bool


@dataclass(frozen=True, slots=True)
class RequestLog:
    """The requests to one data service.

    For each object type it has the last request for all objects, and the last one since then for changes.
    """

    service: MedMijService
    requests: tuple[DataServiceRequest, ...]


def medmij_requests_of(
    account: AccountRow, library: OpenLibrary, shared: Callable[[int], bool] = lambda _: True
) -> RequestLog | None:
    """Decrypt the requests that were made for an account, of the object types that are shared.

    Returns:
        None without requests, or if the account's source is not MedMij's.
    """
    if account.sealed_medmij_requests is None:
        return None
    opened = library.account(account.id).open(SEALED_REQUESTS, account.id, account.sealed_medmij_requests)
    log: dict[str, Any] = orjson.loads(opened)
    requests = (DataServiceRequest(**one | {"at": datetime.fromisoformat(one["at"])}) for one in log["requests"])
    return RequestLog(MedMijService(**log["service"]), tuple(one for one in requests if shared(one.object_type)))


def record_medmij_requests(
    account: AccountRow, library: OpenLibrary, service: MedMijService, requests: Iterable[DataServiceRequest]
) -> None:
    """Store the requests of a sync, encrypted, with the account. A repeated request replaces the previous one."""
    before = medmij_requests_of(account, library)
    known = before.requests if before and before.service == service else ()
    latest = {(one.object_type, one.whole): one for one in known}
    for one in requests:
        if one.whole:
            latest.pop((one.object_type, False), None)
        latest[one.object_type, one.whole] = one
    log = {
        "service": asdict(service),
        "requests": [asdict(one) | {"at": one.at.astimezone(UTC).isoformat()} for one in latest.values()],
    }
    account.sealed_medmij_requests = library.account(account.id).seal(SEALED_REQUESTS, account.id, orjson.dumps(log))


# --- the report ---

Services = Mapping[str, Mapping[str, Sequence[DataServiceRequest]]]
"""Requests by care provider and data service."""


@dataclass(frozen=True, slots=True)
class MedMijReport:
    """The content of one report.

    Attributes:
        participant: The name of the platform's operator.
        created: When the report is created.
        period: The window in which the reported requests were sent.
        reaches: The object types and times that may be reported.
        logs: The requests.
    """

    participant: str
    created: datetime
    period: Window
    reaches: Sequence[Reach]
    logs: Sequence[RequestLog]


def make_medmij_report(report: MedMijReport) -> bytes:
    """Write the report as XML."""
    services = _services(report)
    root = Element("PortabiliteitsRapport", xmlns=NAMESPACE)
    _add_meta(SubElement(root, "PortabiliteitsRapportMeta"), report, services)
    providers = SubElement(root, "Zorgaanbieders")
    for provider, data_services in services.items():
        found = SubElement(providers, "Zorgaanbieder")
        _text(found, "Zorgaanbiedernaam", provider)
        listed = SubElement(found, "Gegevensdiensten")
        for id_, requests in data_services.items():
            _add_service(SubElement(listed, "Gegevensdienst"), id_, requests)
    indent(root)
    xml: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return xml


def _services(report: MedMijReport) -> Services:
    """Group the requests that the report may contain by provider and data service, oldest first."""
    found: dict[str, dict[str, list[DataServiceRequest]]] = {}
    for log in sorted(report.logs, key=lambda log: (log.service.provider, log.service.data_service)):
        if allowed := list(_allowed(report, log.requests)):
            services = found.setdefault(log.service.provider, {})
            services.setdefault(log.service.data_service, []).extend(allowed)
    for services in found.values():
        for requests in services.values():
            requests.sort(key=lambda one: one.at)
    return found


def _allowed(report: MedMijReport, requests: Iterable[DataServiceRequest]) -> Iterator[DataServiceRequest]:
    for one in requests:
        kind = ObjectKind(ServiceGroup.MEDICAL, ServiceType.MEDMIJ, one.object_type)
        moment = int(one.at.timestamp() * 1000)
        if report.period.contains(Window(moment, moment)) and all(reach.allows_kind(kind) for reach in report.reaches):
            yield one


def _add_meta(meta: Element, report: MedMijReport, services: Services) -> None:
    moments = (requests[0].at for data_services in services.values() for requests in data_services.values())
    first = min(moments, default=report.created)
    _text(meta, "Deelnemer", report.participant)
    _text(meta, "Van", _moment(first if report.period.start is None else _date(report.period.start)))
    _text(meta, "Tot", _moment(report.created if report.period.end is None else _date(report.period.end)))
    _text(meta, "Tijdstempel", _moment(report.created))


def _add_service(service: Element, id_: str, requests: Sequence[DataServiceRequest]) -> None:
    _text(service, "GegevensdienstId", id_)
    _text(service, "Tijdstempel", _moment(requests[-1].at))
    listed = SubElement(service, "ResourceRequests")
    for one in requests:
        request = SubElement(listed, "ResourceRequest")
        _text(request, "RequestUri", one.address)
        _text(request, "Tijdstempel", _moment(one.at))


def _text(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _date(milliseconds: int) -> datetime:
    """Convert a time to a datetime, limited to the years 1 to 9999, because an app may ask for any time."""
    return datetime.fromtimestamp(min(max(milliseconds // 1000, FIRST_SECOND_OF_YEAR_1), LAST_SECOND_OF_YEAR_9999), UTC)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
