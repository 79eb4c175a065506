"""Finds text of a page that is not translated: whatever stands outside the brackets of the made-up language.

What other people wrote has no translation. Pages mark it: with `<bdi>`, `translate="no"`, `<code>` or `<pre>`, or with
the language it is in; where there is no markup, with the characters U+2068 and U+2069.
"""

import re
from collections.abc import Iterator

from lxml import html

OPENING, CLOSING = "⟦", "⟧"
ISOLATED = re.compile(r"\u2068[^\u2069]*\u2069")
NOT_TEXT = {"script", "style"}
OTHERS_TEXT = {"bdi", "code", "pre"}
TOLD = ("alt", "title", "aria-label", "aria-description", "placeholder")
NAME = "PrivateShare"


def untranslated(source: str) -> list[str]:
    """Return the texts of a page that are in no language of ours."""
    page = html.document_fromstring(source)
    found, depth = [], 0
    for text in _texts(page.find("body"), str(page.get("lang"))):
        outside = ""
        for character in ISOLATED.sub("", text):
            depth += (character == OPENING) - (character == CLOSING)
            outside += character if depth == 0 and character != CLOSING else ""
        assert depth >= 0, f"a bracket too many in {text!r}"
        found.append(outside)
    assert depth == 0, "a bracket is not closed"
    found += [_outside(text) for text in (*_attributes(page), _title(page))]
    return [text.strip() for text in found if any(letter.isalnum() for letter in text.replace(NAME, ""))]


def _texts(element: html.HtmlElement, language: str) -> Iterator[str]:
    """Yield the texts below an element that are in the page's language, in their order."""
    if not isinstance(element.tag, str) or element.tag in NOT_TEXT | OTHERS_TEXT:
        return
    if element.get("translate") == "no" or element.get("lang", language) != language:
        return
    if element.get("aria-hidden") == "true" and element.tag != "button":  # The initial letter of a name, and drawings.
        return
    yield element.text or ""
    for child in element:
        yield from _texts(child, language)
        yield child.tail or ""


def _attributes(page: html.HtmlElement) -> Iterator[str]:
    for element in page.iter(html.etree.Element):
        if element.get("translate") == "no":
            continue
        yield from (str(element.get(name)) for name in TOLD if element.get(name))
        for name, value in element.attrib.items():
            if name in ("data-too-large", "data-uploading", "data-checking", "data-failed"):
                yield str(value)


def _title(page: html.HtmlElement) -> str:
    """Return a page's title. A name of other people's is allowed there if it is the heading too."""
    title = str(page.findtext("head/title")).removesuffix(f" · {NAME}")
    heading = page.find(".//h1")
    if heading is not None and heading.find("bdi") is not None and heading.text_content() == title:
        return ""
    return title


def _outside(text: str) -> str:
    """Return what a text has outside the brackets."""
    text = ISOLATED.sub("", text)
    while (shorter := re.sub(f"{OPENING}[^{OPENING}{CLOSING}]*{CLOSING}", "", text)) != text:
        text = shorter
    return text
