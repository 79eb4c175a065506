"""The text of a web page or of a message that is written as one."""

import re

from lxml import etree

HIDDEN = frozenset({"script", "style", "head", "title", "template"})
LINES = frozenset(
    (
        *("p", "div", "br", "tr", "li", "ul", "ol", "table", "blockquote", "hr", "pre", "section", "article"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "dt", "dd", "header", "footer", "address"),
    )
)
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n\s*\n\s*")


class _Text:
    """A target of lxml's parser that collects text, and begins lines where a browser does."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._hidden = 0

    def start(self, tag: str, _attributes: object) -> None:
        """Enter an element."""
        self._hidden += tag in HIDDEN
        if tag in LINES:
            self._parts.append("\n")

    def end(self, tag: str) -> None:
        """Leave an element."""
        self._hidden -= tag in HIDDEN
        if tag in LINES and tag != "br":
            self._parts.append("\n")

    def data(self, text: str) -> None:
        """Collect text."""
        if not self._hidden:
            self._parts.append(text.replace("\n", " ").replace("\r", " "))

    def comment(self, _text: str) -> None:
        """Skip a comment."""

    def close(self) -> str:
        """Return the text."""
        return "".join(self._parts)


def text_of_html(page: str) -> str:
    """Return the text of a page, with its lines, and without what a browser does not show."""
    parser = etree.HTMLParser(target=_Text(), no_network=True, recover=True, encoding="utf-8", huge_tree=False)
    try:
        parser.feed(page.encode())
        text = str(parser.close())
    except (etree.LxmlError, ValueError, AssertionError):
        return ""
    text = _SPACES.sub(" ", text.replace("\xa0", " ").replace("\u200c", "").replace("\u034f", ""))
    lines = "\n".join(line.strip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", lines).strip()
