"""Makes the docstrings of the code into reference pages."""

import re
from typing import Any

from pydantic import BaseModel
from sphinx.application import Sphinx

CITATION = re.compile(r"\b([Pp]rotocol )(\d+(?:\.\d+)?(?:(?:, | and | to )\d+(?:\.\d+)?)*)")
CODE = re.compile(r"(?<![`:\w])`([^`\n]+)`(?!`)(?=(\w?))")
SECTION = re.compile(r"\d+(?:\.\d+)?")
OF_PYDANTIC = {name for name in dir(BaseModel) if not name.startswith("__")} | {"model_config"}


def prepare(_app: Sphinx, _what: str, _name: str, _thing: object, _options: Any, lines: list[str]) -> None:
    """Turn the code of Markdown into that of reStructuredText, and link each section of the protocol that is cited."""
    lines[:] = [with_citations(CODE.sub(literal, line)) for line in lines]


def literal(found: re.Match[str]) -> str:
    """Return code in reStructuredText, which needs an escape before a letter that follows."""
    return f"``{found[1]}``" + ("\\ " if found[2] else "")


def with_citations(line: str) -> str:
    """Link the numbers of a citation such as "Protocol 4.1, 8.3"."""
    return CITATION.sub(lambda found: found[1] + SECTION.sub(reference, found[2]), line)


def reference(found: re.Match[str]) -> str:
    """Return a link to a section of the protocol."""
    return f":ref:`{found[0]} <protocol-{found[0].replace('.', '-')}>`"


def shorten_signature(
    _app: Sphinx, what: str, _name: str, thing: object, _options: Any, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Drop the signature of models: their fields are listed below it."""
    if what == "class" and isinstance(thing, type) and issubclass(thing, BaseModel):
        return "", returns
    return signature, returns


def skip_inherited(_app: Sphinx, _what: str, name: str, _thing: object, _skip: bool, _options: Any) -> bool | None:
    """Leave out what every pydantic model has."""
    return True if name in OF_PYDANTIC else None
