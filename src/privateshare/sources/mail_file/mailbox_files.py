"""The files that mail is exported as: mbox files, and files with one message each."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import PurePosixPath

from privateshare.sources.archive import UploadedFile
from privateshare.sources.mail_file.headers import Headers
from privateshare.sources.mail_file.message import MessageBuilder
from privateshare.sources.text_files import byte_lines

START_BYTES = 64 * 1024
START_LINES = 1000
MAX_SEPARATOR_BYTES = 1000  # The time to look for a date grows with the square of the length.
OUTLOOK_FOLDERS = b"!BDN"
OUTLOOK_MESSAGE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
NAMES_WITHOUT_MEANING = frozenset({"mbox", "cur", "new", "tmp", "messages", "attachments", ""})
FOLDER_ENDINGS = frozenset({".mbox", ".mbx", ".sbd"})

_HEADER = re.compile(rb"[!-9;-~]{1,76}[ \t]*:")
_DATE = re.compile(rb"\b\d{1,2}:\d\d(?::\d\d)?\b.*\b(?:19|20)\d\d\b|\b(?:19|20)\d\d\b.*\b\d{1,2}:\d\d\b")
_SENDER = re.compile(rb"-?|\S+@\S*|MAILER-DAEMON")
_APPLE = re.compile(rb"\d{1,12}[ \t]*\r?\n")


class NotMail(Exception):
    """The file does not hold mail."""


class OutlookFile(Exception):
    """The file is one of Outlook's own, whose layout is not read."""


def messages_of(file: UploadedFile) -> Iterator[MessageBuilder]:
    """Yield the messages of a file.

    Raises:
        NotMail: It does not hold mail.
        OutlookFile: It is a file of Outlook.
    """
    with file.open() as stream:
        if stream.read(START_BYTES).startswith((OUTLOOK_FOLDERS, OUTLOOK_MESSAGE)):
            raise OutlookFile
    start = b"".join(islice(byte_lines(file), START_LINES))[:START_BYTES].lstrip(b"\r\n")
    if (apple := _APPLE.match(start)) is not None and _is_message(start[apple.end() :]):
        yield from _single(file, int(apple.group()), is_apple=True)
    elif _starts_mbox(start):
        yield from _of_mbox(file)
    elif _is_message(start):
        yield from _single(file, file.size, is_apple=False)
    else:
        raise NotMail


def folder_name(path: str, *, is_single: bool) -> str:
    """Return the name of the mailbox that a file is, or lies in; empty if its path does not say it.

    Args:
        path: The path of the file.
        is_single: Whether the file holds one message.
    """
    place = PurePosixPath(path)
    for name in reversed([PurePosixPath(part) for part in (place.parts[:-1] if is_single else place.parts)]):
        stem = name.stem if name.suffix.lower() in FOLDER_ENDINGS else name.name
        if stem.lower() not in NAMES_WITHOUT_MEANING:
            return stem
    return ""


def _starts_mbox(start: bytes) -> bool:
    first, _, rest = start.partition(b"\n")
    return (
        first.startswith(b"From ")
        and _may_separate(first, is_after_blank=True)
        and _HEADER.match(rest.lstrip(b">")) is not None
    )


def _is_message(start: bytes) -> bool:
    if _HEADER.match(start) is None:
        return False
    head = start.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    headers = Headers(head)
    return "from" in headers and any(name in headers for name in ("date", "subject", "message-id", "received"))


def _single(file: UploadedFile, size: int, *, is_apple: bool) -> Iterator[MessageBuilder]:
    builder, begun, left = MessageBuilder(), False, size
    for line in byte_lines(file):
        if not begun and (not line.strip() or (is_apple and _APPLE.fullmatch(line))):
            continue
        begun = True
        builder.add(line[:left] if is_apple else line)
        left -= len(line)
        if is_apple and left <= 0:  # Mail of macOS writes its own notes behind the message.
            break
    builder.finish()
    yield builder


def _of_mbox(file: UploadedFile) -> Iterator[MessageBuilder]:
    builder: MessageBuilder | None = None
    separator, is_after_blank = b"", True
    for line in byte_lines(file):
        if separator:  # The line before may begin a message: that depends on this one.
            if _HEADER.match(line.lstrip(b">")) is not None:
                if builder is not None:
                    builder.finish()
                    yield builder
                builder = MessageBuilder(separator)
            elif builder is not None:
                builder.add(separator)
            separator = b""
        if line.startswith(b"From ") and _may_separate(line, is_after_blank=is_after_blank):
            separator = line
        elif builder is not None:
            builder.add(line)
        is_after_blank = line in (b"\n", b"\r\n")
    if builder is not None:
        builder.finish()
        yield builder


def _may_separate(line: bytes, *, is_after_blank: bool) -> bool:
    """Return whether a line may begin a message. Sentences begin with "From" too."""
    if len(line) > MAX_SEPARATOR_BYTES:
        return False
    rest = line[5:].strip()
    if rest == b"-":  # Netscape and Thunderbird write it, also after messages that end without a line feed.
        return True
    return _DATE.search(rest) is not None or (is_after_blank and _SENDER.fullmatch(rest) is not None)
