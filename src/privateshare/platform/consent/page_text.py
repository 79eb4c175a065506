"""The text of a page as a person reads it, which their receipt keeps."""

import re
from collections.abc import Iterator

from lxml import html
from starlette.responses import Response

from privateshare.platform.consent.translation import text_direction
from privateshare.platform.consent.visit import Visit
from privateshare.platform.grants.receipts import Shown
from privateshare.platform.http.requests import public_address

UNSEEN = {"script", "style", "svg", "template", "noscript"}
INLINE = {"a", "b", "bdi", "em", "i", "q", "span", "strong", "abbr", "time", "img", "input"}
ISOLATE, POP_ISOLATE = "\u2068", "\u2069"
BOXES = {"checkbox", "radio"}
_SPACES = re.compile(r"[ \t\r\n]+")


def shown_to(visit: Visit, page: Response | None = None) -> Shown:
    """Say what a person on a journey has seen: a page as it was rendered, or a page without a notice of its own."""
    notice = page_text(bytes(page.body).decode()) if page is not None else ""
    return Shown(public_address(visit.request), visit.words.tag, notice)


def page_text(source: str) -> str:
    """Return the text of a page's main part, a line for each block, with the state of its boxes and fields."""
    document = html.document_fromstring(source)
    (main,) = document.xpath("//main")[:1]
    text = "".join(_pieces(main, document.get("dir", "ltr")))
    lines = (_SPACES.sub(" ", line).strip() for line in text.split("\n\n"))
    return "\n".join(line for line in lines if line)


def _pieces(element: html.HtmlElement, direction: str) -> Iterator[str]:
    """Yield the text below an element. Two line feeds separate blocks; the source's own count as spaces."""
    if not isinstance(element.tag, str) or element.tag in UNSEEN or _is_hidden(element):
        return
    block = element.tag not in INLINE
    begin, end = ("\n\n", "\n\n") if block else ("", "")
    if element.tag == "bdi" and text_direction(element.text_content()) not in ("", direction):
        begin, end = ISOLATE, POP_ISOLATE
    yield begin
    yield from _field(element)
    yield _SPACES.sub(" ", element.text or "")
    for child in element:
        yield from _pieces(child, direction)
        yield _SPACES.sub(" ", child.tail or "")
    yield end


def _is_hidden(element: html.HtmlElement) -> bool:
    """Tell whether nobody sees or hears an element, such as the button that the Enter key presses."""
    return element.get("hidden") is not None or element.get("aria-hidden") == "true"


def _field(element: html.HtmlElement) -> Iterator[str]:
    """Yield the state of a field of a form."""
    kind = element.get("type", "text")
    if element.tag == "input" and kind in BOXES:
        yield "[x] " if element.get("checked") is not None else "[ ] "
    elif element.tag == "input" and kind != "hidden":
        yield f"[{element.get('value') or '…'}] "
    elif element.tag == "option":
        yield "(x) " if element.get("selected") is not None else "( ) "
