"""The output of commands: facts and tables, as text or as JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from privateshare.errors import printable

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

LINE_CHARACTERS = 100


def show(facts: Mapping[str, Any], as_json: bool) -> None:
    """Print facts, one per line, with the same names as in JSON."""
    if as_json:
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    for line in fact_lines(facts):
        typer.echo(line)


def show_table(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Print rows with the same columns."""
    if as_json:
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for line in table_lines(rows):
        typer.echo(line)


def fact_lines(facts: Mapping[str, Any]) -> list[str]:
    """Return facts as lines of text. What takes several lines is indented below its name."""
    width = max((len(name) for name in facts), default=0)
    lines = []
    for name, value in facts.items():
        first, *more = _value_lines(value)
        lines.append(f"{name:<{width}}  {first}".rstrip())
        lines += [f"{'':<{width}}  {line}".rstrip() for line in more]
    return lines


def table_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return rows with the same columns as lines of text, with a heading."""
    if not rows:
        return ["none"]
    lines = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _value_lines(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return fact_lines(value) or ["none"]
    if not isinstance(value, list | tuple):
        return [_cell(value)]
    if value and all(isinstance(item, Mapping) and item.keys() == value[0].keys() for item in value):
        return table_lines(value)
    items = [_cell(item) for item in value]
    one_line = ", ".join(items)
    # Sentences and file names stay on lines of their own, since they may have commas.
    return items if len(one_line) > LINE_CHARACTERS or any("," in item for item in items) else [one_line or "none"]


def _cell(value: Any) -> str:
    """Return a value as a person would write it: JSON's `true` and `null` are words of programs."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_cell(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value)) or "none"
    return printable(str(value))
