"""The repair of Meta's texts: its JSON exports write each byte of UTF-8 as a character of its own."""

import re
from typing import Any

MAX_DEPTH = 40
# A character of UTF-8 with two to four bytes, each of which was written as a character of Latin-1.
_SPLIT_CHARACTER = re.compile(
    "[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]"
    "|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)


def repaired_text(text: str) -> str:
    """Return a text as its author wrote it. Texts that are not broken, or only in part, are kept as far as they are."""
    if text.isascii():
        return text
    return _SPLIT_CHARACTER.sub(lambda found: found.group().encode("latin-1").decode("utf-8"), text)


def repaired(value: Any, depth: int = 0) -> Any:
    """Return a parsed JSON value with all its texts repaired, the names of members too."""
    if isinstance(value, str):
        return repaired_text(value)
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, list):
        return [repaired(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {repaired_text(name): repaired(item, depth + 1) for name, item in value.items()}
    return value
