"""The pictures in an object: FHIR attachments whose content is in the object itself."""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

MAX_PICTURES = 20
MAX_DEPTH = 6
# The first bytes of the formats that are shown. No other content is sent as a picture, whatever the object calls it:
# SVG and HTML could hold scripts.
FORMATS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and its format."""

    media_type: str
    data: bytes = field(repr=False)


def pictures_of(thing: Mapping[str, object]) -> Sequence[Picture]:
    """Return the pictures in an object, in their order."""
    return list(islice(_pictures(thing, MAX_DEPTH), MAX_PICTURES))


def _pictures(value: object, depth: int) -> Iterator[Picture]:
    if depth == 0:
        return
    if isinstance(value, list):
        for item in value:
            yield from _pictures(item, depth - 1)
    elif isinstance(value, Mapping):
        if "contentType" in value and isinstance(data := value.get("data"), str):
            yield from _decoded(data)
        for inner in value.values():
            yield from _pictures(inner, depth - 1)


def _decoded(data: str) -> Iterator[Picture]:
    try:
        decoded = b64decode(data, validate=True)
    except (NotBase64, ValueError):
        return
    for start, media_type in FORMATS.items():
        if decoded.startswith(start):
            yield Picture(media_type, decoded)
