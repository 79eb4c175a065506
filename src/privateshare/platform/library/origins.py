"""Encoding of the origins of a file's objects. They are stored beside the file for later deduplication."""

from collections.abc import Sequence

import orjson

from privateshare.protocol import zstd
from privateshare.sources.identity import UNKNOWN_ORIGIN, Origin


def pack_origins(origins: Sequence[Origin]) -> bytes | None:
    """Encode the origins of a file's objects, in the objects' order; None if no origin is known."""
    if all(origin == UNKNOWN_ORIGIN for origin in origins):
        return None
    numbers: dict[Origin, int] = {}
    for origin in origins:
        numbers.setdefault(origin, len(numbers))
    names = [[origin.server, origin.folder] for origin in numbers]
    return zstd.compress(orjson.dumps([names, [numbers[origin] for origin in origins]]))


def unpack_origins(packed: bytes) -> list[Origin]:
    """Decode the origins that `pack_origins` encoded."""
    names, numbers = orjson.loads(zstd.decompress(packed))
    origins = [Origin(server, folder) for server, folder in names]
    return [origins[number] for number in numbers]
