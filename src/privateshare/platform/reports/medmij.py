"""MedMij's form of the portability report: what was asked of which care provider's data services. Protocol 12.3.

Where its form is known from, and what of it is not certain, is in docs/report.md.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from privateshare.platform.reports.medmij_requests import DataServiceRequest, RequestLog
from privateshare.protocol.catalogue import ServiceGroup, ServiceType
from privateshare.protocol.scope import ObjectKind, Reach
from privateshare.protocol.window import Window

NAMESPACE = "xmlns://afsprakenstelsel.medmij.nl/PortabiliteitsRapport/release1/"

YEAR_1, YEAR_9999 = -62_135_596_800, 253_402_300_799  # the first second of one, the last of the other

Services = Mapping[str, Mapping[str, Sequence[DataServiceRequest]]]  # requests by care provider and data service


@dataclass(frozen=True, slots=True)
class MedMijReport:
    """What one report is about. `participant`: who runs the platform; `period`: of the requests."""

    participant: str
    created: datetime
    period: Window
    reaches: Sequence[Reach]
    collected: Sequence[RequestLog]


def make_medmij_report(report: MedMijReport) -> bytes:
    """The report as XML."""
    services = _services(report)
    root = Element("PortabiliteitsRapport", xmlns=NAMESPACE)
    _tell_about(SubElement(root, "PortabiliteitsRapportMeta"), report, services)
    providers = SubElement(root, "Zorgaanbieders")
    for provider, data_services in services.items():
        found = SubElement(providers, "Zorgaanbieder")
        _text(found, "Zorgaanbiedernaam", provider)
        listed = SubElement(found, "Gegevensdiensten")
        for id_, asked in data_services.items():
            _tell_service(SubElement(listed, "Gegevensdienst"), id_, asked)
    indent(root)
    xml: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return xml


def _services(report: MedMijReport) -> Services:
    """The requests that may be told, oldest first."""
    told: dict[str, dict[str, list[DataServiceRequest]]] = {}
    for collected in sorted(report.collected, key=lambda one: (one.service.provider, one.service.data_service)):
        if allowed := list(_allowed(report, collected.asked)):
            services = told.setdefault(collected.service.provider, {})
            services.setdefault(collected.service.data_service, []).extend(allowed)
    for services in told.values():
        for asked in services.values():
            asked.sort(key=lambda one: one.at)
    return told


def _allowed(report: MedMijReport, asked: Iterable[DataServiceRequest]) -> Iterator[DataServiceRequest]:
    for one in asked:
        kind = ObjectKind(ServiceGroup.MEDICAL, ServiceType.MEDMIJ, one.object_type)
        moment = int(one.at.timestamp() * 1000)
        if report.period.contains(Window(moment, moment)) and all(reach.allows_kind(kind) for reach in report.reaches):
            yield one


def _tell_about(meta: Element, report: MedMijReport, services: Services) -> None:
    moments = (asked[0].at for data_services in services.values() for asked in data_services.values())
    first = min(moments, default=report.created)
    _text(meta, "Deelnemer", report.participant)
    _text(meta, "Van", _moment(first if report.period.start is None else _date(report.period.start)))
    _text(meta, "Tot", _moment(report.created if report.period.end is None else _date(report.period.end)))
    _text(meta, "Tijdstempel", _moment(report.created))


def _tell_service(service: Element, id_: str, asked: Sequence[DataServiceRequest]) -> None:
    _text(service, "GegevensdienstId", id_)
    _text(service, "Tijdstempel", _moment(asked[-1].at))
    requests = SubElement(service, "ResourceRequests")
    for one in asked:
        request = SubElement(requests, "ResourceRequest")
        _text(request, "RequestUri", one.address)
        _text(request, "Tijdstempel", _moment(one.at))


def _text(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _date(milliseconds: int) -> datetime:
    """The moment, or the nearest that has four digits for its year: an app may ask from the distant past."""
    return datetime.fromtimestamp(min(max(milliseconds // 1000, YEAR_1), YEAR_9999), UTC)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
