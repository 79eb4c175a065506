"""Where the objects of a file are from, beside the file: so that objects of one id are told apart when more come."""

from collections.abc import Sequence

import orjson
import zstandard

from privateshare.sources.identity import UNKNOWN_ORIGIN, Origin


def pack_origins(origins: Sequence[Origin]) -> bytes | None:
    """Return the origins of a file's objects, in their order, as bytes; None if none of them is known."""
    if all(origin == UNKNOWN_ORIGIN for origin in origins):
        return None
    numbers: dict[Origin, int] = {}
    for origin in origins:
        numbers.setdefault(origin, len(numbers))
    names = [[origin.server, origin.folder] for origin in numbers]
    return zstandard.compress(orjson.dumps([names, [numbers[origin] for origin in origins]]))


def unpack_origins(packed: bytes) -> list[Origin]:
    """Return the origins that `pack_origins` packed."""
    names, numbers = orjson.loads(zstandard.decompress(packed))
    origins = [Origin(server, folder) for server, folder in names]
    return [origins[number] for number in numbers]
