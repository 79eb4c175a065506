"""Writes the blocking client: each folder `_sync` is made from the folder `_async` beside it.

`--check` writes nothing, and fails if a file is not what it would write. See ADR 22.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import unasync

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "privateshare"
HEADER = "# Generated from `{source}` by `make sync-client`. Do not edit.\n"
RUFF = [sys.executable, "-m", "ruff", "--quiet"]

NAMES = {
    "_AsyncStream": "_Stream",
    "aclose": "close",
    "aiter_raw": "iter_raw",
}
PHRASES = {
    "An asyncio client for one application with one contract, on one platform. Use it on one event loop.": (
        "A blocking client for one application with one contract, on one platform. Any number of threads may use it."
    ),
    "web apps on asyncio": "web apps that block",
    "the asyncio client": "the blocking client",
    "The asyncio client": "The blocking client",
    "an `async with`": "a `with`",
    "`async with`": "`with`",
    " With asyncio it may be an async iterator too.": "",
    " With asyncio they may be coroutine functions.": "",
}
ASYNC_NAME = re.compile(r"\bAsync([A-Z]\w*)")
DOCSTRING = re.compile(r'""".*?"""', re.DOTALL)
AWAITABLE = re.compile(r"\bAwaitable\[(\w+)\]")
SAME_TWICE = re.compile(r"\b([\w.]+) \| \1\b")


def main() -> int:
    """Write the files, or with `--check` compare them; return 1 if they differ, else 0."""
    wanted = dict(generated())
    old = {path for folder in PACKAGE.rglob("_sync") for path in folder.glob("*.py")}
    if "--check" not in sys.argv[1:]:
        for path in old - wanted.keys():
            path.unlink()
        for path, text in wanted.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        return 0
    wrong = {path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text}
    for path in sorted(wrong | (old - wanted.keys())):
        print(
            f"{path.relative_to(ROOT)}: not up to date with the asyncio client. Run: make sync-client", file=sys.stderr
        )
    return 1 if wrong or old - wanted.keys() else 0


def generated() -> Iterator[tuple[Path, str]]:
    """Yield each generated file with its text."""
    with tempfile.TemporaryDirectory() as folder:
        made = {}
        for source in sorted(path for folder in PACKAGE.rglob("_async") for path in folder.glob("*.py")):
            target = Path(str(source).replace("_async", "_sync"))
            path = Path(folder) / target.relative_to(PACKAGE)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(blocking(source), "utf-8")
            made[target] = path
        config = ["--config", str(ROOT / "pyproject.toml")]
        subprocess.run([*RUFF, "check", "--fix", "--select", "F401,I,RUF100,F811", *config, folder], check=True)
        subprocess.run([*RUFF, "format", *config, folder], check=True)
        for target, path in made.items():
            yield target, path.read_text("utf-8")


def blocking(source: Path) -> str:
    """Return the blocking form of a file."""
    text = source.read_text("utf-8").replace("._async", "._sync").replace("on_asyncio", "on_threads")
    names = NAMES | {found[0]: found[1] for found in ASYNC_NAME.finditer(text)}
    rule = unasync.Rule("_async", "_sync", additional_replacements=names)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "_async" / source.name
        path.parent.mkdir()
        path.write_text(text, "utf-8")
        unasync.unasync_files([str(path)], [rule])
        text = (Path(folder) / "_sync" / source.name).read_text("utf-8")
    text = DOCSTRING.sub(lambda found: blocking_text(found[0]), text)
    text = SAME_TWICE.sub(r"\1", AWAITABLE.sub(r"\1", text))
    return HEADER.format(source=source.relative_to(PACKAGE)) + text


def blocking_text(docstring: str) -> str:
    """Return a docstring of the asyncio client as one of the blocking client."""
    for phrase, other in PHRASES.items():
        docstring = docstring.replace(phrase, other)
    docstring = ASYNC_NAME.sub(r"\1", docstring)
    return docstring.replace("await ", "").replace("async for", "for")


if __name__ == "__main__":
    sys.exit(main())
