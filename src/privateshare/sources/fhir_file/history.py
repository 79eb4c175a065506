"""The origins and versions of the resources in a record, and the deletions in a version history."""

from functools import lru_cache
from typing import Any

from privateshare.sources.contract import JsonObject
from privateshare.sources.fhir_file.mapping import OBJECT_TYPES
from privateshare.sources.fhir_file.references import Reference, read_reference, server_of
from privateshare.sources.identity import Deletion, ObjectProvenance, Origin, fhir_subject, fhir_version
from privateshare.sources.json_records import FoundRecord
from privateshare.sources.page_building import Written

NO_CONTENT, GONE = "204", "410"
CHANGES = ("POST", "PUT", "PATCH")


def item_of(found: FoundRecord, order: int) -> Written | Deletion | None:
    """Convert a found record to an item of a page; None for the deletion of a resource of an unknown type.

    Args:
        found: A resource of a known type, or the entry of a deletion.
        order: Its position among all items of the record.
    """
    if "resourceType" not in found.thing:
        return _deletion(found, order)
    return Written(OBJECT_TYPES[found.thing["resourceType"]], found.thing, found.text, _provenance(found, order))


def _provenance(found: FoundRecord, order: int) -> ObjectProvenance:
    """Build the provenance that distinguishes a resource from others with the same type and id."""
    entry = found.wrapper or {}
    url = read_reference(entry.get("fullUrl"))
    is_its_own = url is not None and (url.type, url.id) == (found.thing.get("resourceType"), found.thing.get("id"))
    server = url.server if url is not None and is_its_own else None
    origin = _origin(server or _source(found.thing), found.file, _is_in_history(entry))
    return ObjectProvenance(origin, fhir_version(found.thing, entry.get("response")), fhir_subject(found.thing), order)


def _deletion(found: FoundRecord, order: int) -> Deletion | None:
    what = deleted_resource(found.thing)
    object_type = OBJECT_TYPES.get(what.type or "") if what is not None else None
    if what is None or object_type is None:
        return None
    version = fhir_version({}, found.thing.get("response"))
    provenance = ObjectProvenance(_origin(what.server or "", found.file, is_in_history=True), version, order=order)
    return Deletion(object_type, f"{what.type}/{what.id}", provenance)


def deleted_resource(entry: JsonObject) -> Reference | None:
    """Return the reference of the resource that an entry of a Bundle deletes; None if it is not such an entry."""
    if "resourceType" in entry or not _says_deleted(entry):
        return None
    request = entry.get("request")
    full_url = read_reference(entry.get("fullUrl"))
    server = full_url.server if full_url is not None else None
    asked = read_reference(request.get("url"), server) if isinstance(request, dict) else None
    return next((one for one in (asked, full_url) if one is not None and one.type is not None), None)


def _says_deleted(entry: JsonObject) -> bool:
    request, response = entry.get("request"), entry.get("response")
    method = str(request.get("method")).upper() if isinstance(request, dict) else ""
    status = str(response.get("status") or "")[:3] if isinstance(response, dict) else ""
    if method == "DELETE" or status == GONE:
        return True
    if method in CHANGES or status not in ("", NO_CONTENT):
        return False
    return status == NO_CONTENT or (method in ("", "NONE") and not isinstance(entry.get("resource"), dict | list))


def _is_in_history(entry: JsonObject) -> bool:
    return isinstance(entry.get("request"), dict) or isinstance(entry.get("response"), dict)


def _source(resource: JsonObject) -> str:
    """Return the source system in the `meta` of a resource, without the id of a single request."""
    meta = resource.get("meta")
    source: Any = meta.get("source") if isinstance(meta, dict) else None
    if not isinstance(source, str):
        return ""
    name = source.split("#", 1)[0].strip()
    return (server_of(name) if "://" in name else None) or name


@lru_cache(maxsize=256)
def _origin(server: str, file: str, is_in_history: bool) -> Origin:
    folder = file.rpartition("/")[0]
    return Origin(server, folder, file, is_in_history)
