"""The lines of an exported chat, from an iPhone or an Android phone of any language.

iPhones write `[04.03.23, 17:12:33] Ann: Hello`, Android phones `04.03.23, 17:12 - Ann: Hello`. The notation of the date
is that of the phone's region. Further lines of a message follow without a date.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import TextIOWrapper
from itertools import islice

from privateshare.sources.archive import UploadedFile
from privateshare.sources.text_files import opened_text
from privateshare.sources.written_dates import WrittenDates

MAX_LINE_CHARACTERS = 128 * 1024
MAX_MESSAGE_LINES = 5000
MAX_NAME_CHARACTERS = 100
MAX_PEOPLE = 5000
START_LINES = 30  # A chat begins with a message, perhaps after lines that were cut off.
SYSTEM_MARK = "\u200e"  # iPhones write it before text that WhatsApp generated.

_IN_BRACKETS = re.compile(r"\s*\[([^\[\]\n]{8,60})\]\s?(.*)", re.DOTALL)
_WITH_DASH = re.compile(r"(\S.{6,50}?\S)\s[-\u2013\u2014]\s(.*)", re.DOTALL)
_INVISIBLE = "\u200e\u200f\u202a\u202b\u202c\ufeff"
_ATTACHED = re.compile(r"<[^<>:\n]{2,40}:\s*([^<>\n]+\.\w{2,5})>")
_FILE = re.compile(r"([^\n/\\<>:\"|?*]+\.\w{2,5}) \([^()\n]{3,60}\)")


class NotAChat(Exception):
    """The file is not a chat."""


class UnclearDates(Exception):
    """The dates of a chat do not show the order of day and month."""


@dataclass(slots=True)
class Line:
    """The beginning of a message: its date as written, who sent it, and the first line of its text."""

    date: str
    sender: str
    text: str


@dataclass(slots=True)
class ChatMessage:
    """A message of a chat.

    Attributes:
        moment: When it was sent, in milliseconds since the epoch; None if its date cannot be read.
        sender: The name of the person who sent it, as on the phone.
        text: Its text.
        file: The name of the file that was sent with it; empty if there is none.
    """

    moment: int | None
    sender: str
    text: str
    file: str = ""


@dataclass(slots=True)
class Chat:
    """What is known of a chat before its messages are read.

    Attributes:
        dates: How its dates are written.
        people: The people who sent messages, in the order of their first one.
        in_brackets: Whether an iPhone wrote it.
        notices: How many of its entries nobody sent, such as that somebody joined.
    """

    dates: WrittenDates
    in_brackets: bool
    people: dict[str, None] = field(default_factory=dict)
    notices: int = 0


def learn_chat(file: UploadedFile, now: datetime) -> Chat:
    """Read a chat to its end, and return what is known of it.

    Raises:
        NotAChat: The file is not a chat.
        UnclearDates: Its dates can be read in two ways.
    """
    with opened_text(file) as text:
        starts = [line for line in islice(_lines(text), START_LINES) if _first_part(line) is not None]
    in_brackets = [_first_part(line, in_brackets=True) is not None for line in starts]
    if not starts:
        raise NotAChat
    chat = Chat(WrittenDates(now), in_brackets=in_brackets[0])
    dates = 0
    last = ""
    with opened_text(file) as text:
        for line in _lines(text):
            found = _first_part(line, in_brackets=chat.in_brackets)
            if found is None:
                continue
            last = found.date
            dates += chat.dates.learn(found.date)
            chat.notices += not found.sender
            if found.sender and len(chat.people) < MAX_PEOPLE:
                chat.people.setdefault(found.sender)
    if not dates:
        raise NotAChat
    if chat.dates.read(last) is None:
        raise UnclearDates
    return chat


def messages_of(file: UploadedFile, chat: Chat) -> Iterator[ChatMessage]:
    """Yield the messages of a chat. System notices, such as that somebody joined, are skipped."""
    begun: Line | None = None
    more: list[str] = []
    with opened_text(file) as text:
        for line in _lines(text):
            found = _first_part(line, in_brackets=chat.in_brackets)
            if found is None:
                if len(more) < MAX_MESSAGE_LINES:
                    more.append(line)
                continue
            if begun is not None and begun.sender:
                yield _message(begun, more, chat)
            begun, more = found, []
    if begun is not None and begun.sender:
        yield _message(begun, more, chat)


def _message(line: Line, more: list[str], chat: Chat) -> ChatMessage:
    text = "\n".join([line.text, *more]).strip("\r\n ")
    plain = text.replace(SYSTEM_MARK, "").strip()
    for pattern in (_ATTACHED, _FILE):
        if (found := pattern.match(plain)) is not None and (pattern is _FILE or SYSTEM_MARK in text):
            return ChatMessage(chat.dates.read(line.date), line.sender, plain[found.end() :].strip(), found[1].strip())
    return ChatMessage(chat.dates.read(line.date), line.sender, plain)


def _first_part(line: str, *, in_brackets: bool | None = None) -> Line | None:
    """Split the first line of a message; None if the line does not start a message.

    Args:
        line: The line.
        in_brackets: The notation of the chat; None if it is not known yet.
    """
    start = line.lstrip(_INVISIBLE)
    if not start or not (start[0] == "[" or any(sign.isdigit() for sign in start[:20])):
        return None
    for pattern, is_bracket in ((_IN_BRACKETS, True), (_WITH_DASH, False)):
        if in_brackets is not None and is_bracket is not in_brackets:
            continue
        found = pattern.match(start)
        if found is not None and WrittenDates.is_date(found[1]):
            sender, text = _sender_and_text(found[2])
            return Line(found[1], sender, text)
    return None


def _sender_and_text(rest: str) -> tuple[str, str]:
    """Split the name of a sender from the text; the name is empty if nobody sent it."""
    name, colon, text = rest.partition(": ")
    if not colon and rest.rstrip().endswith(":"):
        name, colon, text = rest.rstrip()[:-1], ":", ""
    name = name.strip(_INVISIBLE + " \u202f\xa0~")
    if not colon or not name or len(name) > MAX_NAME_CHARACTERS or "\u201c" in name or '"' in name:
        return "", rest
    return name, text


def _lines(text: TextIOWrapper) -> Iterator[str]:
    while line := text.readline(MAX_LINE_CHARACTERS):
        yield line.replace("\0", "").rstrip("\r\n")
