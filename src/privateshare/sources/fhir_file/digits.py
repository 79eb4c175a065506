"""Parsing and writing JSON so that numbers keep all of their digits."""

import json
import re
from secrets import token_hex
from typing import Any

from privateshare.sources.contract import JsonObject

_MARK = f"\ue000{token_hex(8)}:"  # It is different in each process, so that no record can have it in a text.
_NUMBER = r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_MARKED = re.compile(f'"{_MARK}({_NUMBER})"')


def parse_exactly(text: bytes) -> JsonObject:
    """Parse an object. Its numbers become marked texts, which `write_exactly` writes as they were.

    Raises ValueError or RecursionError.
    """
    found: JsonObject = json.loads(text, parse_float=_marked, parse_int=_marked)
    return found


def write_exactly(thing: Any) -> bytes:
    """Write an object that `parse_exactly` read, in one line."""
    text = json.dumps(thing, ensure_ascii=False, separators=(",", ":"))
    return _MARKED.sub(r"\1", text).encode("utf-8", "replace")


def _marked(number: str) -> str:
    return _MARK + number
