"""Clinical documents in C-CDA, as the portals of hospitals give them: XML, alone or in a zip or an XDM package."""

import codecs
from collections.abc import Iterator, Mapping
from hashlib import sha256

import orjson
from lxml import etree

from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import JsonObject
from privateshare.sources.failures import DAMAGED, Broken, LeftOut, NotTaken, shown_name
from privateshare.sources.fhir_file.cda_context import Context, Mapper
from privateshare.sources.fhir_file.cda_history import encounters, family_history, patient_of, procedures
from privateshare.sources.fhir_file.cda_medications import immunizations, medications
from privateshare.sources.fhir_file.cda_problems import allergies, problems
from privateshare.sources.fhir_file.cda_results import results
from privateshare.sources.fhir_file.cda_values import Element, Narrative, child, children, local
from privateshare.sources.json_records import FoundRecord
from privateshare.sources.object_building import stable_id

MAX_DOCUMENT_BYTES = 64 * 1024 * 1024
START_BYTES = 16 * 1024
MAX_TEXTS = 100_000
MAX_TEXTS_CHARACTERS = 64 * 1024 * 1024
_ROOT = b"ClinicalDocument"

# What reads the entries of a section, by the LOINC code of the section, and the category of its observations.
SECTIONS: Mapping[str, tuple[Mapper, str]] = {
    "48765-2": (allergies, ""),
    "11450-4": (problems, ""),
    "11348-0": (problems, ""),
    "46241-6": (problems, ""),
    "11535-2": (problems, ""),
    "10160-0": (medications, ""),
    "10183-2": (medications, ""),
    "42346-7": (medications, ""),
    "29549-3": (medications, ""),
    "11369-6": (immunizations, ""),
    "30954-2": (results, "laboratory"),
    "8716-3": (results, "vital-signs"),
    "29762-2": (results, "social-history"),
    "47519-4": (procedures, ""),
    "46240-8": (encounters, ""),
    "10157-6": (family_history, ""),
}


class NotADocument(Exception):
    """The file is XML, but no clinical document that can be read."""


def is_clinical_document(start: bytes) -> bool:
    """Return whether a file is a clinical document, by its first bytes."""
    plain = start.replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").lstrip()
    return plain.startswith(b"<") and _ROOT in plain


def document_records(file: UploadedFile, left_out: LeftOut) -> Iterator[FoundRecord]:
    """Yield the resources of a document. A document that cannot be parsed is reported."""
    try:
        root = _parsed(file)
    except NotADocument:
        left_out.name_damaged_file(file.path)
        return
    for resource in _resources(root, left_out):
        text = orjson.dumps(resource)
        yield FoundRecord(orjson.loads(text), text, None, file.path)  # Parsed, since its numbers are texts until then.


def _parsed(file: UploadedFile) -> Element:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    with file.open() as stream:
        data = stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise NotADocument
    try:
        root = etree.fromstring(data.removeprefix(codecs.BOM_UTF8).lstrip(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise NotADocument from error
    if root is None or local(root) != _ROOT.decode():
        raise NotADocument
    return root


def _resources(root: Element, left_out: LeftOut) -> Iterator[JsonObject]:
    roles = list(children(root, "recordTarget", "patientRole"))
    patients = [patient_of(role) for role in roles]
    yield from patients
    # A document of several people is refused, because their Patients are not one person.
    subject = {"reference": f"Patient/{patients[0]['id']}"} if patients else {"display": "unknown"}
    distinct = _Distinct()
    for section in root.iter("{*}section"):
        code = child(section, "code")
        mapper, category = SECTIONS.get(code.get("code", "") if code is not None else "", (None, ""))
        entries = list(children(section, "entry"))
        if mapper is None or not entries:
            _name_section(section, left_out)
            continue
        context = Context(subject, Narrative(_texts(child(section, "text"))), category, _title_of(section))
        for entry in entries:
            yield from distinct.of(_mapped(entry, mapper, context, left_out))


class _Distinct:
    """Gives each resource of a document an id of its own, since some systems give one id to several entries."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def of(self, resources: list[JsonObject]) -> Iterator[JsonObject]:
        """Yield the resources of an entry, without those that the document has already."""
        renamed: dict[str, str] = {}
        for resource in resources:
            for result in resource.get("result", ()):
                result["reference"] = renamed.get(result["reference"], result["reference"])
            first_id, content = resource["id"], sha256(orjson.dumps(resource)).digest()
            if self._contents.get(first_id, content) != content:
                resource["id"] = stable_id(first_id, content.hex())
                kind = resource["resourceType"]
                renamed[f"{kind}/{first_id}"] = f"{kind}/{resource['id']}"
            if resource["id"] not in self._contents:
                self._contents[resource["id"]] = content
                yield resource


def _mapped(entry: Element, mapper: Mapper, context: Context, left_out: LeftOut) -> list[JsonObject]:
    """Return the resources of an entry. An entry that cannot be read, or says nothing, is counted."""
    found: list[JsonObject] = []
    try:
        for inner in entry:
            found += mapper(inner, context)
    except (ValueError, KeyError, TypeError, AttributeError):
        left_out.leave_out(DAMAGED)
        return found
    if not found:
        left_out.pass_over(NotTaken(own_name=context.section))
    return found


def _name_section(section: Element, left_out: LeftOut) -> None:
    """Report a section that has no place in the shared types, or only a text."""
    name, text = _title_of(section), child(section, "text")
    is_empty = text is None or not "".join(str(part) for part in text.itertext()).strip()
    if name and not (is_empty and child(section, "entry") is None):
        left_out.name_unused(
            name, Broken("The section “%(name)s” of a document is not imported. It was not needed.", name=name)
        )


def _title_of(section: Element) -> str:
    title, code = child(section, "title"), child(section, "code")
    text = " ".join("".join(str(part) for part in title.itertext()).split()) if title is not None else ""
    if not text and code is not None:
        text = code.get("displayName") or code.get("code") or ""
    return shown_name(text.replace("/", " ")) if text else ""


def _texts(text: Element | None) -> Mapping[str, str]:
    found: dict[str, str] = {}
    characters = 0  # Elements in each other repeat their texts.
    for element in text.iter() if text is not None else ():
        own_id = element.get("ID") if isinstance(element.tag, str) else None
        if own_id and len(found) < MAX_TEXTS and characters < MAX_TEXTS_CHARACTERS:
            found[own_id] = " ".join("".join(str(part) for part in element.itertext()).split())
            characters += len(found[own_id])
    return found
