"""The history and the bookmarks of Chrome. Other browsers export bookmarks in the same form."""

import re
from collections.abc import Iterator
from html import unescape

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import JsonObject
from privateshare.sources.object_building import Mapped, SourceAccount, milliseconds, stable_id, text_of
from privateshare.sources.text_files import opened_text

SECOND = 1000
START_BYTES = 512
MAX_LINE_CHARACTERS = 64 * 1024
MAX_FOLDERS = 100
# Pages that the browser shows itself, and files of the machine.
NOT_PAGES = ("chrome:", "chrome-extension:", "about:", "file:", "data:", "blob:", "javascript:", "edge:", "place:")
_PART = re.compile(
    r"<A\s(?P<attributes>[^>]*)>(?P<title>.*?)</A>|<H3[^>]*>(?P<folder>.*?)</H3>|(?P<end></DL>)", re.IGNORECASE
)
_ADDRESS = re.compile(r'HREF="([^"]*)"', re.IGNORECASE)
_ADDED = re.compile(r'ADD_DATE="(\d+)"', re.IGNORECASE)


def is_visit(thing: JsonObject) -> bool:
    """Return whether an object is a page in the history of Chrome."""
    return "url" in thing and "time_usec" in thing


def visit_object(account: SourceAccount, thing: JsonObject) -> Mapped | None:
    """Map a page of the history. Returns None if it is no page of the web. Raises ValueError if it has no date."""
    link = text_of(thing.get("url"))
    moment = milliseconds(thing.get("time_usec"))
    if not link or link.startswith(NOT_PAGES):
        return None
    if moment is None:
        raise ValueError("the visit has no date")
    moment = moment // SECOND * SECOND  # So that the same visit in My Activity has the same id.
    visit = account.thing(
        f"{moment}_{stable_id(link)}",
        moment,
        kind="visit",
        title=text_of(thing.get("title")),
        link=link,
        product="Chrome",
        device=text_of(thing.get("client_id")),
    )
    return ObjectType.WEB_VISIT, visit


def is_bookmarks(file: UploadedFile) -> bool:
    """Return whether a file has bookmarks, by its start."""
    with file.open() as stream:
        return b"NETSCAPE-BOOKMARK-FILE" in stream.read(START_BYTES).upper()


def bookmarks_of(file: UploadedFile, account: SourceAccount) -> Iterator[Mapped | None]:
    """Yield the bookmarks of a file; None for one without a date."""
    folders: list[str] = []
    waiting = ""
    with opened_text(file) as text:
        while line := text.readline(MAX_LINE_CHARACTERS):
            if "<DL>" in line.upper() and len(folders) < MAX_FOLDERS:
                folders.append(waiting)
                waiting = ""
            for part in _PART.finditer(line):
                if part["folder"] is not None:
                    waiting = unescape(part["folder"]).strip()
                elif part["end"] and folders:
                    folders.pop()
                elif part["attributes"] is not None:
                    yield from _bookmark(part["attributes"], part["title"], folders, account)


def _bookmark(attributes: str, title: str, folders: list[str], account: SourceAccount) -> Iterator[Mapped | None]:
    address, added = _ADDRESS.search(attributes), _ADDED.search(attributes)
    link = unescape(address[1]) if address is not None else ""
    if not link or link.startswith(NOT_PAGES):
        return
    moment = milliseconds(added[1]) if added is not None else None
    if moment is None:
        yield None
        return
    folder = "/".join(name for name in folders if name)
    bookmark = account.thing(
        f"bookmark_{stable_id(link, folder)}",
        moment,
        kind="bookmark",
        title=unescape(title).strip(),
        link=link,
        product="Chrome",
        folder=folder,
    )
    yield ObjectType.WEB_VISIT, bookmark
