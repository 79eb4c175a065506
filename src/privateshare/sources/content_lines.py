"""The content lines of iCalendar and vCard files: unfolded, decoded, and taken apart.

The lines are taken apart by the library icalendar. Lines that it rejects, such as those of vCard 2.1, are repaired.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from icalendar.parser import Contentline

from privateshare.sources.archive import UploadedFile
from privateshare.sources.charsets import decoded
from privateshare.sources.text_files import byte_lines

MAX_LINE_BYTES = 128 * 1024  # Longer lines, such as pictures, are cut.

_QUOTED_PRINTABLE = re.compile(rb"[^:]*;(?:ENCODING=)?QUOTED-PRINTABLE[;:]", re.IGNORECASE)
_BARE_PARAMETER = re.compile(r";([A-Za-z0-9-]+)(?=[;:])")
_KINDS = re.compile(r";TYPE=([^;:]*)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9.-]{1,80}")


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a component.

    Attributes:
        name: The name in capital letters, without a group.
        group: The group, such as item1 in `item1.TEL`; often empty.
        parameters: The parameters, with names in capital letters. One with several values has commas.
        value: The value, without escapes.
        written: The value as it was written.
    """

    name: str
    group: str
    parameters: Mapping[str, str]
    value: str
    written: str


def content_lines(file: UploadedFile) -> Iterator[str]:
    """Yield the lines of a file, unfolded. They are in UTF-8, or else in Windows-1252, or in UTF-16 with its mark."""
    held, is_quoted, continues = bytearray(), False, False
    for line in byte_lines(file):
        content = line.rstrip(b"\r\n")
        if continues:
            if held.endswith(b"="):
                del held[-1:]
            _lengthen(held, content.lstrip(b" \t"))
        elif content[:1] in (b" ", b"\t") and held:
            _lengthen(held, content[1:])
        else:
            if held:
                yield decoded(bytes(held))
            held, is_quoted = bytearray(content), _QUOTED_PRINTABLE.match(content) is not None
        continues = is_quoted and content.endswith(b"=")
    if held:
        yield decoded(bytes(held))


def _lengthen(held: bytearray, more: bytes) -> None:
    """Add to a line, unless it is too long already: a file may continue one line without end."""
    if len(held) < MAX_LINE_BYTES:
        held += more


def read_property(line: str) -> Property | None:
    """Take a line apart. Returns None if it is none of a component."""
    head, colon, written = _halves(line)
    if not colon or _NAME.match(head) is None:
        return None
    name, parameters, value = _parts(line, head, written)
    group, _, plain = name.rpartition(".")
    encoding = parameters.get("ENCODING", "").upper()
    if encoding == "QUOTED-PRINTABLE":
        value = written = decoded(binascii.a2b_qp(written.encode()), parameters.get("CHARSET"))
        value = value.replace("\\,", ",").replace("\\;", ";")
    return Property(plain.upper(), group, parameters, value, written)


def _parts(line: str, head: str, written: str) -> tuple[str, dict[str, str], str]:
    repaired = _BARE_PARAMETER.sub(_named_parameter, f"{head}:")[:-1]
    if len(kinds := _KINDS.findall(repaired)) > 1:
        repaired = f"{_KINDS.sub('', repaired)};TYPE={','.join(kinds)}"
        line = f"{repaired}:{written}"
    for attempt in (line, f"{repaired}:{written}"):
        try:
            name, parameters, value = Contentline(attempt).parts()  # type: ignore[no-untyped-call]
        except (ValueError, KeyError, IndexError, TypeError):
            continue
        return str(name), {str(key).upper(): _one(found) for key, found in parameters.items()}, str(value)
    return head.partition(";")[0], {}, written


def _one(value: object) -> str:
    return ",".join(str(one) for one in value) if isinstance(value, list | tuple) else str(value)


def _named_parameter(found: "re.Match[str]") -> str:
    kind = "ENCODING" if found[1].upper() in ("QUOTED-PRINTABLE", "BASE64", "8BIT") else "TYPE"
    return f";{kind}={found[1]}"


def _halves(line: str) -> tuple[str, str, str]:
    """Split a line at the colon before its value, which may follow quoted ones."""
    is_quoted = False
    for place, sign in enumerate(line):
        if sign == '"':
            is_quoted = not is_quoted
        elif sign == ":" and not is_quoted:
            return line[:place], ":", line[place + 1 :]
    return line.partition(":")
