"""Activities as a web page (HTML): a cell for each, with links, and a date in the language of the account."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import JsonObject
from privateshare.sources.written_dates import WrittenDates

CELL, BODY, CAPTION, HEADING = "outer-cell", "mdl-typography--body-1", "mdl-typography--caption", "header-cell"
MARK = b"mdl-typography--body-1"
START_BYTES = 1024 * 1024


def is_page(file: UploadedFile) -> bool:
    """Return whether a file is such a page, by its start."""
    with file.open() as stream:
        start = stream.read(START_BYTES)
    return start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" and MARK in start and CELL.encode() in start


def activities_of(file: UploadedFile, now: datetime) -> Iterator[JsonObject]:
    """Yield the activities of a page, as in JSON. Those whose date cannot be read have an empty `time`."""
    dates = WrittenDates(now)
    for thing in _cells(file):
        dates.learn(thing["time"])
    for thing in _cells(file):
        moment = dates.read(thing["time"])
        time = "" if moment is None else datetime.fromtimestamp(moment / 1000, UTC).isoformat()
        yield thing | {"time": time}


def _cells(file: UploadedFile) -> Iterator[JsonObject]:
    with file.open() as stream:
        cells = etree.iterparse(
            stream, events=("end",), tag="div", html=True, recover=True, no_network=True, encoding="utf-8"
        )
        try:
            for _, element in cells:
                if CELL not in (element.get("class") or "").split():
                    continue
                yield _activity(element)
                element.clear()
                parent = element.getparent()
                while parent is not None and element.getprevious() is not None:
                    del parent[0]
        except etree.XMLSyntaxError:
            return


def _activity(cell: Any) -> JsonObject:
    parts = {name: part for part in cell.iter("div") for name in (part.get("class") or "").split()}
    body = next(
        (part for part in cell.iter("div") if BODY in (part.get("class") or "") and _text(part)), parts.get(BODY)
    )
    links = [] if body is None else [(one.get("href") or "", _text(one)) for one in body.iter("a")]
    title = next(iter(links), ("", ""))
    lines = [] if body is None else [line.strip() for line in body.itertext() if line.strip()]
    heading, caption = parts.get(HEADING), parts.get(CAPTION)
    return {
        "header": "" if heading is None else _text(heading),
        "title": title[1],
        "titleUrl": title[0],
        "subtitles": [{"name": text, "url": address} for address, text in links[1:2]],
        "time": lines[-1] if lines else "",
        "products": [] if caption is None else [line.strip("\u2003\xa0 ") for line in caption.itertext()],
    }


def _text(element: Any) -> str:
    return " ".join(" ".join(element.itertext()).split())
