"""A health record as a file: a FHIR R4 Bundle or NDJSON, as it is, gzipped or in a zip."""

import io
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

import ijson
import orjson

from privateshare.sources.archive import (
    BUFFER_BYTES,
    GZIP_MAGIC,
    ZIP_MAGIC,
    Guarded,
    begins_with,
    json_items,
    json_object,
    opened_zip,
    plain_entry,
    plain_gzip,
    size_of,
    skip_byte_order_mark,
)
from privateshare.sources.contract import THE_FILE, Broken, JsonObject
from privateshare.sources.fhir_file.versions import is_r4

MAX_LINE_BYTES = 64 * 1024 * 1024


def read_resources(archive: BinaryIO) -> Iterator[JsonObject]:
    """Every resource of the record. Raises Broken if the file is no FHIR R4, or is damaged."""
    if size_of(archive) == 0:
        raise Broken("The file is empty. Export the record again and upload that.")
    start = begins_with(archive)
    if start.startswith(ZIP_MAGIC):
        yield from _read_zip(archive)
    elif start.startswith(GZIP_MAGIC):
        with plain_gzip(archive, size_of(archive)) as stream:
            yield from _read_document(stream, THE_FILE)
    else:
        stream = io.BufferedReader(cast(io.RawIOBase, archive), BUFFER_BYTES)
        try:
            yield from _read_document(stream, THE_FILE)
        finally:
            stream.detach()


def _read_zip(archive: BinaryIO) -> Iterator[JsonObject]:
    with opened_zip(archive) as found:
        entries = [entry for entry in found.infolist() if _is_json(entry.filename)]
        if not entries:
            raise Broken(
                "The zip archive holds no .json or .ndjson file. Export the record as FHIR R4 in JSON and upload that."
            )
        for entry in entries:
            with plain_entry(found, entry) as stream:
                yield from _read_document(stream, PurePosixPath(entry.filename).name)


def _is_json(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in (".json", ".ndjson") and not name.startswith("__MACOSX/")


def _read_document(stream: io.BufferedReader, name: str) -> Iterator[JsonObject]:
    """The resources of one file: none if it is empty, or JSON of something else."""
    skip_byte_order_mark(stream)
    start = stream.peek(BUFFER_BYTES)
    text = start.lstrip()
    if text.startswith(b"<"):
        raise Broken("%(name)s is XML. Export the record as FHIR R4 in JSON and upload that.", name=name)
    if text and not text.startswith((b"{", b"[")):
        raise Broken("%(name)s is not JSON. Export the record as FHIR R4 in JSON and upload that.", name=name)
    if not text and len(start) < BUFFER_BYTES:
        return
    for resource in _resources(stream, start, name):
        if not isinstance(resource.get("resourceType"), str):
            raise Broken(
                "%(name)s holds an entry that is not FHIR. Export the record as FHIR R4 in JSON and upload that.",
                name=name,
            )
        if not is_r4(resource):
            raise Broken(
                "%(name)s is in another version of FHIR than R4. Export the record as FHIR R4 in JSON and upload that.",
                name=name,
            )
        yield resource


def _resources(stream: io.BufferedReader, start: bytes, name: str) -> Iterator[JsonObject]:
    if _first_type(start, name) in (None, "Bundle"):
        return json_items(stream, "entry.item.resource", name)
    if isinstance(_parsed(start.lstrip().split(b"\n", 1)[0]), dict):
        return _read_lines(stream, name)
    return json_items(stream, "", name)


def _first_type(start: bytes, name: str) -> str | None:
    """What the first document is a resource of, as far as its first bytes tell."""
    try:
        for path, event, value in ijson.parse(Guarded(io.BytesIO(start), name)):
            if (path, event) == ("resourceType", "string"):
                return str(value)
            if (path, event) == ("entry", "start_array"):
                return "Bundle"
    except (ijson.JSONError, UnicodeDecodeError):  # these are its first bytes only: who reads on will notice damage
        return None
    return None


def _read_lines(stream: io.BufferedReader, name: str) -> Iterator[JsonObject]:
    number = 0
    while line := stream.readline(MAX_LINE_BYTES):
        number += 1
        if not line.strip():
            continue
        resource = _parsed(line)
        if not isinstance(resource, dict):
            raise Broken(
                "Line %(number)d of %(name)s is not a JSON object. The file may be cut off; export it again.",
                number=number,
                name=name,
            )
        yield json_object(resource, name)


def _parsed(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return None
