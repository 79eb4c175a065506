"""Writes `llms.txt` and `llms-full.txt` from the documents: an index, and all of the text, for language models.

`--check` writes nothing, and fails if one of them is not up to date. The form is that of llmstxt.org.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SITE = "https://docs.privateshare.example"
TITLE = re.compile(r"\A(?:---\n.*?\n---\n)?# (.+?)\n+(?!#)(.*?)(?:\n\n|\n?\Z)", re.DOTALL)
LINK = re.compile(r"\[([^]]+)\]\([^)]*\)")

SECTIONS = {
    "Start": ("quickstart", "tutorials/app", "tutorials/research"),
    "Guides": ("guides/app-builders", "guides/researchers", "guides/operators", "guides/people"),
    "Handbooks": ("sdk", "cli", "deploy", "operating", "sources", "report"),
    "Reference": ("reference/errors", "protocol"),
    "Generated reference": (
        "reference/sdk",
        "reference/values",
        "reference/objects",
        "reference/web",
        "reference/commands",
        "reference/settings",
    ),
    "Optional": ("security", "design", "tour", "versioning"),
}
GENERATED = "Generated reference"  # These pages are complete only on the site.


def main() -> int:
    """Write both files, or with `--check` compare them; return 1 if they differ, else 0."""
    wanted = {ROOT / "llms.txt": index(), ROOT / "llms-full.txt": everything()}
    if "--check" not in sys.argv[1:]:
        for path, text in wanted.items():
            path.write_text(text, "utf-8")
        return 0
    old = [path.name for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    if old:
        print(f"{' and '.join(old)}: not up to date with the documents. Run: make llms", file=sys.stderr)
    return 1 if old else 0


def index() -> str:
    """Return the index: what the project is, and a line for each document."""
    lines = ["# PrivateShare", "", f"> {summary(ROOT / 'README.md')}", ""]
    for section, names in SECTIONS.items():
        lines += [f"## {section}", ""]
        for name in names:
            source = DOCS / f"{name}.md"
            address = f"{SITE}/{name}.html" if section == GENERATED else f"{SITE}/_sources/{name}.md.txt"
            lines.append(f"- [{title(source)}]({address}): {summary(source)}")
        lines.append("")
    return "\n".join(lines)


def everything() -> str:
    """Return the text of every document that is written by hand, one after the other."""
    names = [name for section, names in SECTIONS.items() if section != GENERATED for name in names]
    texts = [(DOCS / f"{name}.md").read_text("utf-8").strip() for name in names]
    parts = [f"<!-- {SITE}/{name}.html -->\n\n{text}" for name, text in zip(names, texts, strict=True)]
    return "\n\n".join([(ROOT / "README.md").read_text("utf-8").strip(), *parts]) + "\n"


def title(path: Path) -> str:
    """Return the heading of a document."""
    return _beginning(path)[0]


def summary(path: Path) -> str:
    """Return the first sentence of a document, without links."""
    paragraph = LINK.sub(r"\1", _beginning(path)[1])
    sentence = re.split(r"(?<=[.:]) ", " ".join(paragraph.split()))[0]
    return f"{sentence.rstrip(':.')}."


def _beginning(path: Path) -> tuple[str, str]:
    found = TITLE.match(path.read_text("utf-8"))
    if found is None:
        raise SystemExit(f"{path} must begin with a heading and a paragraph")
    return found[1], found[2]


if __name__ == "__main__":
    sys.exit(main())
