"""The portability report: a library's data of one service type as one document. Protocol 12.3.

The formats are XML (docs/report.md), JSON and, for FHIR resources, a FHIR Bundle. The report is generated while it is
sent, object by object.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from xml.sax.saxutils import escape, quoteattr

import orjson

from privateshare.platform.library.mapped_files import MappedFiles, ReadableFile
from privateshare.protocol.catalogue import CatalogueEntry, catalogue
from privateshare.protocol.object_time import FHIR, object_window
from privateshare.protocol.scope import ObjectKind, Reach, allows

ReportFormat = Literal["xml", "json", "fhir"]
NAMESPACE = "urn:privateshare:portability-report:1"
MEDIA_TYPES: Mapping[str, str] = {"xml": "application/xml", "json": "application/json", "fhir": "application/fhir+json"}


@dataclass(frozen=True, slots=True)
class PortabilityReport:
    """The content of one report.

    Attributes:
        service: The service type.
        created: When the report is created.
        reaches: The object types and times that may be reported.
        files: The library's files of this service type.
    """

    service: CatalogueEntry
    created: datetime
    reaches: Sequence[Reach]
    files: Sequence[ReadableFile]


def make_portability_report(
    report: PortabilityReport, mapped_files: MappedFiles, format_: ReportFormat
) -> Iterator[bytes]:
    """Generate the report, piece by piece. Blocks."""
    makers = {"xml": _xml, "json": _json, "fhir": _fhir}
    return (piece.encode() for piece in makers[format_](report, mapped_files))


def _texts(report: PortabilityReport, mapped_files: MappedFiles, file: ReadableFile) -> Iterator[str]:
    """Yield the objects of a file that may be reported, unparsed, so that numbers keep all their digits.

    A file without such objects is not parsed.
    """
    kind, window = ObjectKind(file.service_group, file.service_type, file.object_type), mapped_files.window(file)
    if window is not None and not all(reach.touches(window) for reach in report.reaches):
        return
    for text in mapped_files.texts(file):
        if allows(report.reaches, kind, object_window(file.schema_standard, orjson.loads(text))):
            yield text.decode()


def _json(report: PortabilityReport, mapped_files: MappedFiles) -> Iterator[str]:
    head = {"serviceType": report.service.reference, "created": _iso(report.created)}
    yield json.dumps(head)[:-1] + ', "objects": ['
    first = True
    for file in report.files:
        object_type = catalogue().object_types[file.object_type].reference
        for text in _texts(report, mapped_files, file):
            yield ("" if first else ",") + f'\n{{"objectType": {json.dumps(object_type)}, "object": {text}}}'
            first = False
    yield "\n]}\n"


def _fhir(report: PortabilityReport, mapped_files: MappedFiles) -> Iterator[str]:
    head = {"resourceType": "Bundle", "type": "collection", "timestamp": _iso(report.created)}
    yield json.dumps(head)[:-1] + ', "entry": ['
    first = True
    for file in report.files:
        if file.schema_standard != FHIR:
            continue
        for text in _texts(report, mapped_files, file):
            yield ("" if first else ",") + f'\n{{"resource": {text}}}'
            first = False
    yield "\n]}\n"


def _xml(report: PortabilityReport, mapped_files: MappedFiles) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    attributes = f'created="{_iso(report.created)}" serviceType={quoteattr(report.service.reference)}'
    yield f'<portabilityReport xmlns="{NAMESPACE}" {attributes}>\n'
    for file in report.files:
        object_type = catalogue().object_types[file.object_type].reference
        schema = quoteattr(f"{file.schema_standard} {file.schema_version}")
        begin = f"<objects type={quoteattr(object_type)} schema={schema}>\n"
        for text in _texts(report, mapped_files, file):
            thing = json.loads(text, parse_float=str, parse_int=str)
            yield f"{begin}<object>{_element_body(thing)}</object>\n"
            begin = ""
        # A file without reportable objects is left out, because an empty element would reveal that the month has data.
        if not begin:
            yield "</objects>\n"
    yield "</portabilityReport>\n"


def _element_body(value: Any) -> str:
    """Convert a JSON value to XML: members become `field` elements with a name, and list entries `item` elements."""
    if isinstance(value, dict):
        return "".join(f"<field name={quoteattr(_clean(name))}>{_element_body(v)}</field>" for name, v in value.items())
    if isinstance(value, list):
        return "".join(f"<item>{_element_body(entry)}</item>" for entry in value)
    if value is None:
        return ""
    return escape(_clean(value if isinstance(value, str) else json.dumps(value)))


def _clean(text: str) -> str:
    """Remove the characters that XML 1.0 does not allow."""
    return "".join(
        c for c in text if c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
    )


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
