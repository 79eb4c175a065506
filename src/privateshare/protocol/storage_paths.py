"""Paths inside a storage: how they are written, and how they compare. Protocol 11.3, 11.5.

Two paths are the same if they differ only in the case of their letters, or in how an accented letter is composed.
Nothing else is the same: an upload must not replace a file that has another name. So case is not folded
(`casefold` makes "Maße" and "Masse" one), and no letter becomes lower case by what stands next to it (a Greek sigma at
the end of a word is another letter).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from unicodedata import normalize

from privateshare.errors import InvalidRequest

MAX_PATH_BYTES = 1024

_SLASHES = re.compile(r"/{2,}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class StoragePath:
    """A path inside a storage, as it was written. A folder's ends in "/"."""

    written: str

    @property
    def key(self) -> str:
        """The path as it compares: composed, in lower case."""
        return _composed("".join(map(_lower, _composed(self.written))))

    @property
    def is_folder(self) -> bool:
        """Whether it names a folder."""
        return self.written.endswith("/")


def storage_path(text: str) -> StoragePath:
    """Read the path of a request. Raises InvalidRequest if a rule of protocol 11.5 forbids it."""
    path = _SLASHES.sub("/", f"/{text}")
    found = StoragePath(path)
    if max(len(path.encode()), len(found.key.encode())) > MAX_PATH_BYTES:
        raise InvalidRequest(f"The path is longer than {MAX_PATH_BYTES} bytes")
    if _CONTROL.search(path) or any(part in (".", "..") for part in path.split("/")):
        raise InvalidRequest("The path must have no . or .. segments and no control characters")
    return found


def _composed(text: str) -> str:
    """Compose letters with their accents (NFC), but keep signs that NFC would replace by another letter."""
    return "".join(_compose_runs(text))


def _compose_runs(text: str) -> Iterator[str]:
    for is_replaced, run in groupby(text, _is_replaced_by_nfc):
        joined = "".join(run)
        yield joined if is_replaced else normalize("NFC", joined)


def _is_replaced_by_nfc(character: str) -> bool:
    """Tell whether NFC makes it another single character, as it makes the Kelvin sign a K."""
    composed = normalize("NFC", character)
    return composed != character and len(composed) == 1


def _lower(character: str) -> str:
    """The lower case of one character; the character itself where that is the lower case of another letter.

    The Kelvin sign stays, since "k" is the lower case of "K".
    """
    lower = character.lower()
    upper = lower.upper()
    belongs_to_another = len(upper) == 1 and upper != character and upper.lower() == lower
    return character if belongs_to_another else lower
