"""Exports as web pages (HTML): every entry is a block with a heading, texts, pictures and a date.

The blocks of all years have the same two classes, and nothing else in common: what a block contains is found by its
structure. It is converted to the JSON of the same entry, so that both are mapped alike.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from lxml import etree

from privateshare.sources.archive import UploadedFile
from privateshare.sources.meta.kinds import MetaKind
from privateshare.sources.written_dates import WrittenDates

BLOCK_CLASSES = frozenset({"uiBoxWhite", "noborder"})
TEXT_IN_LINE = frozenset({"a", "b", "i", "em", "strong", "span", "br", "u", "font"})
MAX_BLOCK_TEXTS = 20_000
LINE_BREAK = "\v"  # Stands for <br>, because line breaks in the source of a page are only spaces.
_SPACE = re.compile(r"[ \t\r\n\xa0]+")


@dataclass(slots=True)
class Text:
    """A text of a block, and the address that it links to."""

    text: str
    link: str = ""


@dataclass(slots=True)
class Block:
    """An entry of a page.

    Attributes:
        heading: The text of its first part; empty if it has only one part.
        texts: The other texts, in order.
        rows: The rows of its tables: a label, and the texts that belong to it.
        pictures: The paths of pictures and videos.
        links: The addresses in it.
    """

    heading: str = ""
    texts: list[str] = field(default_factory=list)
    rows: list[tuple[str, list[str]]] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


@dataclass(slots=True)
class DatedBlock:
    """A block with its date, which is no longer among its texts."""

    block: Block
    moment: int | None


def is_page(start: bytes) -> bool:
    """Return whether a file is a web page, by its start."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return text.startswith((b"<!doctype html", b"<html"))


def blocks_of(file: UploadedFile, now: datetime) -> Iterator[DatedBlock]:
    """Yield the blocks of a page. It is read twice, because its dates together show how they are written."""
    dates = WrittenDates(now)
    for block in _blocks(file):
        for text in _all_texts(block):
            dates.learn(text)
    for block in _blocks(file):
        yield _dated(block, dates)


def _blocks(file: UploadedFile) -> Iterator[Block]:
    with file.open() as stream:
        yield from _blocks_of_stream(stream)


def _blocks_of_stream(stream: IO[bytes]) -> Iterator[Block]:
    with_inner: set[Any] = set()
    parser = etree.iterparse(
        stream,
        events=("end",),
        tag=("div", "section", "article"),
        html=True,
        recover=True,
        no_network=True,
        encoding="utf-8",
    )
    try:
        for _, element in parser:
            if not set((element.get("class") or "").split()) >= BLOCK_CLASSES:
                continue
            outer = next((one for one in element.iterancestors() if _is_block(one)), None)
            if outer is not None:
                with_inner.add(outer)
            if element not in with_inner:
                yield _read_block(element)
            with_inner.discard(element)
            tail = element.tail
            element.clear()
            element.tail = tail
    except etree.XMLSyntaxError:
        return


def _is_block(element: Any) -> bool:
    return set((element.get("class") or "").split()) >= BLOCK_CLASSES


def _read_block(element: Any) -> Block:
    block = Block()
    parts = [child for child in element if isinstance(child.tag, str)]
    rest = parts
    if len(parts) > 1 and _is_heading(parts[0]) and any(_has_content(part) for part in parts[1:]):
        block.heading = " ".join(_texts_of(parts[0]))
        rest = parts[1:]
    own = [_clean(element.text)] if _clean(element.text) else []
    for text in [*own, *(text for part in rest for text in _texts_of(part))][:MAX_BLOCK_TEXTS]:
        block.texts.append(text)
    for row in element.iter("tr"):
        texts = _texts_of(row)
        if texts and next(row.iterancestors("tr"), None) is None:
            block.rows.append((texts[0], texts[1:]))
    for one in element.iter("img", "video", "audio", "source"):
        if (path := one.get("src")) and path not in block.pictures and not _is_emoji(path):
            block.pictures.append(path)
    for one in element.iter("a"):
        if (link := one.get("href") or "").startswith(("http://", "https://")):
            block.links.append(link)
        elif link and not link.startswith("#") and link not in block.pictures and "." in link.rsplit("/", 1)[-1]:
            block.pictures.append(link)
    return block


def _is_heading(part: Any) -> bool:
    """Return whether the first part of a block is its heading: without pictures, tables and further blocks."""
    return part.tag != "table" and not any(True for _ in part.iter("img", "video", "table", "tr", "ul"))


def _has_content(part: Any) -> bool:
    return bool(_texts_of(part)) or any(True for _ in part.iter("img", "video", "audio"))


def _is_emoji(path: str) -> bool:
    return path.startswith("data:") or "/emoji" in path or path.endswith(".svg")


def _texts_of(element: Any) -> list[str]:
    """Return the texts of an element in order. Elements inside of a line do not divide a text."""
    found: list[str] = []
    line: list[str] = []

    def end_line() -> None:
        if text := _clean("".join(line)):
            found.append(text)
        line.clear()

    for event, one in etree.iterwalk(element, events=("start", "end")):
        if not isinstance(one.tag, str) or one.tag in ("style", "script"):
            continue
        if one.tag not in TEXT_IN_LINE:
            end_line()
        if event == "start":
            line.append(LINE_BREAK if one.tag == "br" else "")
            line.append(one.text or "")
        elif one is not element:
            line.append(one.tail or "")
    end_line()
    return found


def _clean(text: str | None) -> str:
    lines = (_SPACE.sub(" ", line).strip() for line in (text or "").split(LINE_BREAK))
    return "\n".join(lines).strip()


def _all_texts(block: Block) -> Iterator[str]:
    yield from block.texts
    yield block.heading


def _dated(block: Block, dates: WrittenDates) -> DatedBlock:
    """Find the date of a block: the last text that is one, or otherwise that of a row."""
    for at in range(len(block.texts) - 1, -1, -1):
        if (moment := dates.read(block.texts[at])) is not None:
            date = block.texts.pop(at)
            block.rows = [(label, [text for text in texts if text != date]) for label, texts in block.rows]
            return DatedBlock(block, moment)
    moment = dates.read(block.heading)
    if moment is not None:
        block.heading = ""
    return DatedBlock(block, moment)


def entry_of_block(kind: MetaKind, found: DatedBlock) -> dict[str, Any]:
    """Convert a block to the JSON of the same entry."""
    block, moment = found.block, found.moment
    media = [{"uri": path, "creation_timestamp": moment} for path in block.pictures]
    if kind is MetaKind.MESSAGE:
        return {
            "sender_name": block.heading,
            "timestamp_ms": moment,
            "content": "\n".join(block.texts),
            "share": {"link": next(iter(block.links), "")},
            "photos": media,
        }
    if kind in (MetaKind.POST, MetaKind.STORY, MetaKind.PICTURE, MetaKind.NOTE):
        return _post(kind, block, moment, media)
    if kind is MetaKind.REACTION:
        title = block.heading or next(iter(block.texts), "")
        return {"timestamp": moment, "title": title, "url": next(iter(block.links), "")}
    if kind in (MetaKind.FRIEND, MetaKind.PAGE_LIKE):
        return {"timestamp": moment, "name": block.heading or next(iter(block.texts), "")}
    if kind is MetaKind.COMMENT and not block.rows:
        text = "\n".join(block.texts)
        comment = {"comment": text, "timestamp": moment}
        entry = {"value": text, "timestamp": moment, "href": ""}
        return {
            "timestamp": moment,
            "title": block.heading,
            "data": [{"comment": comment}],
            "string_list_data": [entry],
        }
    return _labelled(block, moment)


def _post(kind: MetaKind, block: Block, moment: int | None, media: list[dict[str, Any]]) -> dict[str, Any]:
    in_rows = {text for label, texts in block.rows for text in (label, *texts)}
    text = "\n".join(text for text in block.texts if text not in in_rows)
    if kind is MetaKind.PICTURE and len(media) == 1:
        return media[0] | {"title": text}
    link = {"external_context": {"url": next(iter(block.links), "")}}
    return {
        "timestamp": moment,
        "creation_timestamp": moment,
        "created_timestamp": moment,
        "title": block.heading or text,
        "text": text,
        "data": [{"post": text}],
        "media": media,
        "attachments": [{"data": [*({"media": one} for one in media), link]}],
    }


def _labelled(block: Block, moment: int | None) -> dict[str, Any]:
    if not block.rows:
        link = next(iter(block.links), "")
        text = next((text for text in block.texts if not text.startswith("http")), "")
        entry = {"href": link, "value": text, "timestamp": moment}
        return {"title": block.heading, "string_list_data": [entry], "timestamp": moment}
    fields: dict[str, Any] = {label: {"value": "\n".join(texts)} for label, texts in block.rows if texts}
    return {"title": block.heading, "string_map_data": fields, "timestamp": moment}
