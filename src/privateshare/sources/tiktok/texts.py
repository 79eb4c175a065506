"""TikTok's export as texts: entries are blocks of lines such as `Link: …`, with empty lines between them."""

import re
from collections.abc import Iterator

from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import JsonObject
from privateshare.sources.text_files import opened_text

MAX_LINE_CHARACTERS = 64 * 1024
# Members that people write may have lines that look like further members. Only these follow them.
WRITTEN = frozenset({"comment", "title", "biodescription", "bio"})
FOLLOWING = frozenset({"date", "link", "photo", "url", "sound", "location", "addyourstext", "like(s)", "likes"})
_CHAT = re.compile(r">{2,}\s*Chat History with\s+(.*?)\s*:*\s*$", re.IGNORECASE)
_MESSAGE = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\s*UTC|Z)?)\s+([^:]{1,100}):\s?(.*)", re.DOTALL)
_MEMBER = re.compile(r"([A-Z][\w ()]{0,40}):\s?(.*)")


def entries_of(file: UploadedFile) -> Iterator[tuple[JsonObject, str]]:
    """Yield the entries of a text, with the chat that they belong to, if any."""
    chat, entry = "", JsonObject()
    last = ""
    for line in _lines(file):
        if (begun := _CHAT.match(line)) is not None:
            if entry:
                yield entry, chat
            chat, entry = begun[1], {}
        elif (message := _MESSAGE.match(line)) is not None:
            if entry:
                yield entry, chat
            entry, last = {"date": message[1], "from": message[2], "content": message[3]}, "content"
        elif (member := _member_of(line, last if entry else "")) is not None and "content" not in entry:
            name, value = member
            if name in entry:
                yield entry, chat
                entry = {}
            entry[name], last = value, name
        elif not line.strip():
            if entry and "content" not in entry:
                yield entry, chat
                entry = {}
        elif entry and len(str(entry[last])) < MAX_LINE_CHARACTERS:
            entry[last] = f"{entry[last]}\n{line.strip()}"  # The next line of the same text.
    if entry:
        yield entry, chat


def _member_of(line: str, last: str) -> tuple[str, str] | None:
    """Return the name and the value in a line; None if it continues the text of the last member."""
    found = _MEMBER.match(line)
    if found is None:
        return None
    name = found[1].casefold().replace(" ", "")
    return None if last in WRITTEN and name not in FOLLOWING else (name, found[2].strip())


def _lines(file: UploadedFile) -> Iterator[str]:
    with opened_text(file) as text:
        while line := text.readline(MAX_LINE_CHARACTERS):
            yield line.rstrip("\r\n")
