"""Turns the documents, which read well where the repository is shown, into pages of the site.

A document that begins with `<!-- page: ../FILE.md -->` shows that file, which is elsewhere in the repository. Links to
files outside of `docs` lead to the page that shows the file, or download it; links to folders outside of `docs` become
plain text. Numbered statements of the protocol get anchors. A comment such as `<!-- generated: settings -->` is
replaced by what the code says.
"""

import os
import re
from functools import cache
from pathlib import Path

import references
from sphinx.application import Sphinx

LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|<)([^)#\s]+)(#[^)\s]*)?(?=\))")
FOLDER_LINK = re.compile(r"\[([^\]]*)\]\((?![a-z]+:|#|<)([^)#\s]+)\)")
CODE = re.compile(r"(^ *```.*?^ *```|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
SHOWN = re.compile(r"\A<!-- page: (\S+) -->")
GENERATED = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
STATEMENT = re.compile(r"^(\d+)\.(\d+) (?=\S)", re.MULTILINE)
CHAPTER = re.compile(r"^## (\d+)\. ", re.MULTILINE)
PROTOCOL = "protocol"
START = "index.md"  # The page of the site that corresponds to the README.


def prepare(app: Sphinx, name: str, source: list[str]) -> None:
    """Rewrite one document before it is parsed."""
    docs = Path(app.srcdir)
    page = docs / f"{name}.md"
    written = written_in(page, source[0])
    text = source[0] if written == page else written.read_text("utf-8")
    if written != page:
        app.env.note_dependency(written)
    text = GENERATED.sub(lambda found: references.GENERATED[found[1]](), text)
    if name == PROTOCOL:
        text = anchored(text)
    parts = CODE.split(text)
    parts[::2] = [with_links(part, docs, page.parent, written.parent) for part in parts[::2]]
    source[0] = "".join(parts)


def written_in(page: Path, text: str) -> Path:
    """Return the file that a page shows: itself, or the one that its first line names."""
    named = SHOWN.match(text)
    return (page.parent / named[1]).resolve() if named else page


def anchored(text: str) -> str:
    """Give each chapter and each numbered statement of the protocol an anchor, such as `protocol-4-2`."""
    text = CHAPTER.sub(lambda found: f"(protocol-{found[1]})=\n{found[0]}", text)
    return STATEMENT.sub(lambda found: f"\n(protocol-{found[1]}-{found[2]})=\n{found[0]}", text)


@cache
def pages_of(docs: Path) -> dict[Path, Path]:
    """Return the page that shows each file of Markdown: its own, or that of a page which shows it."""
    pages = {page: page for page in docs.rglob("*.md")}
    pages |= {written_in(page, page.read_text("utf-8")): page for page in list(pages)}
    pages[docs.parent / "README.md"] = docs / START
    return pages


def with_links(text: str, docs: Path, to: Path, written: Path) -> str:
    """Make each relative link of a text, written in one folder and shown in another, lead where it does there."""
    pages = pages_of(docs)

    def link(found: re.Match[str]) -> str:
        target = (written / found[1]).resolve()
        anchor = found[2] or ""
        if target.is_dir() and (target / "index.md") in pages:
            target /= "index.md"
        if target in pages:
            return os.path.relpath(pages[target], to) + anchor
        return f"path:{os.path.relpath(target, to)}" if target.is_file() else found[0]

    def without_folder(found: re.Match[str]) -> str:
        target = (written / found[2]).resolve()
        return found[1] if target.is_dir() and (target / "index.md") not in pages else found[0]

    return LINK.sub(link, FOLDER_LINK.sub(without_folder, text))
