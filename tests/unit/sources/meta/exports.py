"""Exports of Instagram and Facebook as Meta writes them, with invented content, and what is read of them."""

import io
import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from tests.archives import zipped
from tests.object_schemas import check_objects

from privateshare.sources.contract import Connection, Identity, Page
from privateshare.sources.failures import LeftOut
from privateshare.sources.meta.source import SOURCES

INSTAGRAM, FACEBOOK = SOURCES
Objects = dict[int, list[dict[str, Any]]]


def packed(files: Mapping[str, Any]) -> bytes:
    """A zip of these files: JSON with each byte of UTF-8 as a character, and pages as they are."""
    return zipped({name: content_of(content) for name, content in files.items()})


def content_of(content: Any) -> bytes:
    if isinstance(content, bytes | str):
        return content if isinstance(content, bytes) else content.encode()
    return json.dumps(broken(content)).encode()


def broken(value: Any) -> Any:
    """A value as Meta writes it."""
    if isinstance(value, str):
        return value.encode().decode("latin-1")
    if isinstance(value, list):
        return [broken(item) for item in value]
    return {broken(name): broken(item) for name, item in value.items()} if isinstance(value, dict) else value


def identified(source: Any, files: Mapping[str, Any] | bytes) -> Identity:
    data = files if isinstance(files, bytes) else packed(files)
    identity: Identity = source.identify(Connection(archive=io.BytesIO(data)))
    return identity


def read(source: Any, files: Mapping[str, Any] | bytes, left_out: LeftOut | None = None) -> Objects:
    """The objects of an export by type, each as its schema says, and with an id of its own."""
    data = files if isinstance(files, bytes) else packed(files)
    connection = Connection(
        archive=io.BytesIO(data), provider_account_id="me", left_out=left_out if left_out is not None else LeftOut()
    )
    found: Objects = defaultdict(list)
    for page in source.fetch(connection, dict.fromkeys(source.info.object_types)):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found[page.object_type] += page.objects
    return found


def string_list(value: str, link: str, moment: int, title: str = "") -> dict[str, Any]:
    entry = {"href": link, "value": value, "timestamp": moment}
    return {"title": title, "media_list_data": [], "string_list_data": [entry]}


def string_map(**fields: str | int) -> dict[str, Any]:
    values = {
        name.replace("_", " "): {"timestamp": value} if isinstance(value, int) else {"href": "", "value": value}
        for name, value in fields.items()
    }
    return {"title": "", "media_map_data": {}, "string_map_data": values}


def block(heading: str, body: str, date: str, *, new: bool = True) -> str:
    """A block of a page, in the classes of pages since 2021, or before."""
    outer, title, middle, last = (
        ("_2ph- _a6-g", "_3-95 _2pim _a6-h _a6-i", "_3-95 _a6-p", "_3-94 _a6-o")
        if new
        else ("_2pi0 _2lej", "_3-96 _2pio _2lek _2lel", "_3-96 _2let", "_3-94 _2lem")
    )
    first = f'<div class="{title}">{heading}</div>' if heading else ""
    end = f'<div class="{last}">{date}</div>' if date else ""
    return f'<div class="pam _3-95 {outer} uiBoxWhite noborder">{first}<div class="{middle}">{body}</div>{end}</div>'


def web_page(*blocks: str) -> str:
    style = "<style type='text/css'>.a { color: red }</style>"
    head = f"<head><meta charset='utf-8'>{style}</head>"
    return f"<!DOCTYPE html><html>{head}<body><main>{''.join(blocks)}</main></body></html>"
