"""Telegram's exports as web pages: messages in blocks with a date, a name and a text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lxml import etree

from privateshare.sources.archive import UploadedFile

_DATE = re.compile(r"(\d\d)\.(\d\d)\.(\d{4}) (\d\d):(\d\d):(\d\d)(?: UTC([+-])(\d\d):?(\d\d))?")
LINE_END = "\ue000"  # Stands for <br>, because line breaks in the source of a page are only spaces.
DAY_ID = "message-"  # Lines with the day have negative numbers.
_SPACE = re.compile(r"[ \t\r\n\xa0]+")


@dataclass(slots=True)
class PageMessage:
    """A message of a page.

    Attributes:
        chat: The name of the chat.
        sender: Who sent it; a message without a name is from the sender of the one before.
        moment: When; None if that cannot be read.
    """

    id: str
    chat: str
    sender: str
    moment: int | None
    text: str
    files: list[str] = field(default_factory=list)


def is_page(start: bytes) -> bool:
    """Return whether a file is a web page."""
    return start.lstrip(b"\xef\xbb\xbf \r\n\t").lower().startswith((b"<!doctype html", b"<html"))


def messages_of(file: UploadedFile) -> Iterator[PageMessage | None]:
    """Yield the messages of a page, and None for each note of the app, such as who joined."""
    chat, sender = "", ""
    with file.open() as stream:
        parser = etree.iterparse(
            stream, events=("end",), tag="div", html=True, recover=True, no_network=True, encoding="utf-8"
        )
        try:
            for _, element in parser:
                classes = _classes(element)
                if "page_header" in classes:
                    chat = _text(_first(element, "text"))
                elif "message" in classes and "default" in classes:
                    sender = _text(_first(element, "from_name")) or sender
                    yield _message(element, chat, sender)
                elif "message" in classes and "service" in classes:
                    if not (element.get("id") or "").startswith(DAY_ID):
                        yield None
                else:
                    continue
                element.clear()
        except etree.XMLSyntaxError:
            return


def _message(element: Any, chat: str, sender: str) -> PageMessage:
    date = _first(element, "date")
    forwarded = _first(element, "forwarded")
    body = _first(forwarded, "text") if forwarded is not None else _first(element, "text")
    links = (one.get("href") or "" for one in element.iter("a") if "media" in (one.get("class") or ""))
    return PageMessage(
        (element.get("id") or "").removeprefix("message"),
        chat,
        sender,
        _moment(date.get("title") or "" if date is not None else ""),
        _text(body),
        [link for link in links if link and "://" not in link],
    )


def _moment(text: str) -> int | None:
    found = _DATE.search(text)
    if found is None:
        return None
    day, month, year, hour, minute, second = (int(part) for part in found.groups()[:6])
    offset = timedelta(hours=int(found[8] or 0), minutes=int(found[9] or 0))
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    moment -= -offset if found[7] == "-" else offset
    return round(moment.timestamp() * 1000)


def _classes(element: Any) -> list[str]:
    return (element.get("class") or "").split()


def _first(element: Any, name: str) -> Any:
    return next((one for one in element.iter("div", "span") if name in _classes(one)), None)


def _text(element: Any) -> str:
    if element is None:
        return ""
    for end in element.iter("br"):
        end.tail = LINE_END + (end.tail or "")
    return _SPACE.sub(" ", "".join(element.itertext())).replace(LINE_END, "\n").strip()
