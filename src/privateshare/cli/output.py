"""The output of commands: facts and tables, as text or as JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from privateshare.errors import printable

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def show(facts: Mapping[str, Any], as_json: bool) -> None:
    """Print facts, one per line, with the same names as in JSON."""
    if as_json:
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        shown = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
        typer.echo(f"{name:<{width}}  {printable(shown) if isinstance(value, str) else shown}")


def show_table(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Print rows with the same columns."""
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        typer.echo("none")
        return
    lines = [list(rows[0]), *([printable(str(value)) for value in row.values()] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        typer.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())
