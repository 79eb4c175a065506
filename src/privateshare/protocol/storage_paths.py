"""Paths inside a storage: parsing and comparison. Protocol 11.3, 11.5.

Two paths are equal if they differ only in the case of letters, or in how accented letters are composed. Anything else
makes them different, so that an upload never replaces a file with another name. For this reason `str.casefold` is not
used, which makes "Maße" and "Masse" equal, and each character is lowered on its own, because `str.lower` of a whole
word turns a final Greek sigma into another letter.
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
    """A path inside a storage. The path of a folder ends in "/"."""

    written: str

    @property
    def key(self) -> str:
        """The form in which paths are compared: composed letters in lower case."""
        return _composed("".join(map(_lower, _composed(self.written))))

    @property
    def is_folder(self) -> bool:
        """Whether this is the path of a folder."""
        return self.written.endswith("/")


def storage_path(text: str) -> StoragePath:
    """Parse the path of a request.

    Raises:
        InvalidRequest: The path breaks a rule of protocol 11.5.
    """
    path = _SLASHES.sub("/", f"/{text}")
    found = StoragePath(path)
    if max(len(path.encode()), len(found.key.encode())) > MAX_PATH_BYTES:
        raise InvalidRequest(f"The path is longer than {MAX_PATH_BYTES} bytes")
    if _CONTROL.search(path) or any(part in (".", "..") for part in path.split("/")):
        raise InvalidRequest("The path must have no . or .. segments and no control characters")
    return found


def _composed(text: str) -> str:
    """Compose letters with their accents (NFC), but keep characters that NFC would replace by another one."""
    return "".join(_compose_runs(text))


def _compose_runs(text: str) -> Iterator[str]:
    for is_replaced, run in groupby(text, _is_replaced_by_nfc):
        joined = "".join(run)
        yield joined if is_replaced else normalize("NFC", joined)


def _is_replaced_by_nfc(character: str) -> bool:
    """Return whether NFC replaces the character by another one, as it replaces the Kelvin sign by K."""
    composed = normalize("NFC", character)
    return composed != character and len(composed) == 1


def _lower(character: str) -> str:
    """Lower one character, unless the result is the lower case of another letter.

    The Kelvin sign stays as it is, because "k" is the lower case of the letter K.
    """
    lower = character.lower()
    upper = lower.upper()
    belongs_to_another = len(upper) == 1 and upper != character and upper.lower() == lower
    return character if belongs_to_another else lower
