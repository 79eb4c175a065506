"""Decoding text whose declared character set is wrong, unknown or missing, as it often is in mail and address books."""

import codecs
import re
import unicodedata
from collections.abc import Mapping

# Character sets that programs name differently from Python, or that are in truth a larger one.
LARGER: Mapping[str, str] = {
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "iso-8859-1": "cp1252",
    "latin-1": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-8-i": "iso-8859-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "x-sjis": "cp932",
    "shift_jis": "cp932",
    "unicode-1-1-utf-7": "utf-7",
}
# These are encodings of Python, and never of mail; some take quadratic time.
NEVER_MEANT = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
# Bytes that begin the syllables and marks of Japanese in Shift JIS. In Windows-1252 they hardly ever occur.
_JAPANESE = re.compile(rb"[\x81-\x83]")
_RUN = re.compile(rb"[\x80-\xff]+")
_CYRILLIC = re.compile(rb"[\xa1\xa2\xa5\xa8\xaa\xab\xaf\xb2-\xb4\xb8-\xbb\xbf-\xff]")
# In languages with Latin letters, letters that are not in ASCII are seldom next to each other.
USUAL_RUN = 3

_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "Ø": "o", "æ": "ae", "Æ": "ae", "ł": "l", "Ł": "l", "đ": "d", "ı": "i"})


def decoded(data: bytes, charset: str | None = None) -> str:
    """Decode text. If the character set is unknown or does not fit, it is UTF-8 or else Windows-1252.

    The result never has null characters or lone surrogates, which JSON and databases cannot store.
    """
    for name in (charset, "utf-8"):
        codec = _codec(name)
        if codec is None:
            continue
        try:
            return storable(data.decode(codec))
        except (UnicodeError, LookupError):
            continue
    codec = _codec(charset)
    return storable(data.decode("cp1252" if codec in (None, "utf-8") else codec or "cp1252", "replace"))


def older_encoding(text: bytes) -> str:
    """Return the most probable encoding of a text that is not in Unicode, by the script in which it is written."""
    runs = _RUN.findall(text)
    count = sum(map(len, runs))
    if 4 * len(_JAPANESE.findall(text)) > count > 0 and _fits(text, "cp932"):
        return "cp932"
    if count < USUAL_RUN * len(runs) or not runs:
        return "cp1252"
    if 10 * len(_CYRILLIC.findall(text)) > 9 * count:
        return "cp1251"
    return "gb18030" if _fits(text, "gb18030") else "cp1252"


def _fits(text: bytes, encoding: str) -> bool:
    """Return whether a text can have an encoding. Its last letter may be cut off."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(text)
    except UnicodeDecodeError:
        return False
    return True


def without_accents(text: str) -> str:
    """Return a text in lower case and without accents, to compare it."""
    decomposed = unicodedata.normalize("NFKD", text.translate(_LETTERS).casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def storable(text: str) -> str:
    """Return a text without null characters and lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _codec(charset: str | None) -> str | None:
    """Return Python's name of a character set; None if it is unknown."""
    if not charset:
        return None
    name = charset.strip().strip("\"'").lower()
    try:
        found = codecs.lookup(LARGER.get(name, name))
    except (LookupError, ValueError, UnicodeError):
        return None
    is_text = getattr(found, "_is_text_encoding", True)
    return found.name if is_text and found.name.replace("-", "_") not in NEVER_MEANT else None
