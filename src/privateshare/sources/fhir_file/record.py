"""A health record as a file: a FHIR R4 Bundle or NDJSON, as it is, gzipped or in a zip."""

import io
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

import orjson

from privateshare.sources.archive import (
    BUFFER_BYTES,
    GZIP_MAGIC,
    ZIP_MAGIC,
    begins_with,
    json_items,
    json_object,
    opened_zip,
    plain_entry,
    plain_gzip,
    size_of,
    skip_byte_order_mark,
)
from privateshare.sources.contract import Broken, JsonObject

MAX_LINE_BYTES = 64 * 1024 * 1024
OLDER_TYPES = {"MedicationOrder", "ProcedureRequest", "ReferralRequest", "DiagnosticOrder", "BodySite", "Sequence"}
_WANTED = "Export the record as FHIR R4 (a JSON Bundle, or NDJSON) and upload that file."


def read_resources(archive: BinaryIO) -> Iterator[JsonObject]:
    """Every resource of the record. Raises Broken if the file is no FHIR R4 record, or is damaged."""
    if size_of(archive) == 0:
        raise Broken("The file is empty. Export the record again and upload that.")
    start = begins_with(archive)
    if start.startswith(ZIP_MAGIC):
        yield from _read_zip(archive)
    elif start.startswith(GZIP_MAGIC):
        with plain_gzip(archive, size_of(archive)) as stream:
            yield from _read_document(stream, "The file")
    else:
        stream = io.BufferedReader(cast(io.RawIOBase, archive), BUFFER_BYTES)
        try:
            yield from _read_document(stream, "The file")
        finally:
            stream.detach()


def _read_zip(archive: BinaryIO) -> Iterator[JsonObject]:
    with opened_zip(archive) as found:
        entries = [entry for entry in found.infolist() if _is_json(entry.filename)]
        if not entries:
            raise Broken(f"The zip archive holds no .json or .ndjson file. {_WANTED}")
        for entry in entries:
            with plain_entry(found, entry) as stream:
                yield from _read_document(stream, PurePosixPath(entry.filename).name)


def _is_json(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in (".json", ".ndjson") and not name.startswith("__MACOSX/")


def _read_document(stream: io.BufferedReader, name: str) -> Iterator[JsonObject]:
    skip_byte_order_mark(stream)
    start = stream.peek(BUFFER_BYTES)
    if start.lstrip()[:1] == b"<":
        raise Broken(f"{name} is XML. {_WANTED}")
    resources = _read_lines(stream, name) if _is_ndjson(start) else _read_bundle(stream, name)
    for resource in resources:
        kind = resource.get("resourceType")
        if not isinstance(kind, str):
            raise Broken(f"{name} holds JSON that is not FHIR: an entry has no resourceType. {_WANTED}")
        if kind in OLDER_TYPES:
            raise Broken(f"{name} is in an older version of FHIR than R4: it holds a {kind}. {_WANTED}")
        yield resource


def _is_ndjson(start: bytes) -> bool:
    """Whether the first line is a resource by itself, and no Bundle."""
    first = _parsed(start.lstrip().split(b"\n", 1)[0])
    return isinstance(first, dict) and "resourceType" in first and first["resourceType"] != "Bundle"


def _read_lines(stream: io.BufferedReader, name: str) -> Iterator[JsonObject]:
    number = 0
    while line := stream.readline(MAX_LINE_BYTES):
        number += 1
        if not line.strip():
            continue
        resource = _parsed(line)
        if not isinstance(resource, dict):
            raise Broken(f"Line {number} of {name} is not a JSON object. The file may be cut off; export it again.")
        yield json_object(resource, name)


def _read_bundle(stream: io.BufferedReader, name: str) -> Iterator[JsonObject]:
    found = False
    for resource in json_items(stream, "entry.item.resource", name):
        found = True
        yield resource
    if not found:
        raise Broken(f"{name} holds no FHIR record: there is no entry in it. {_WANTED}")


def _parsed(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return None
