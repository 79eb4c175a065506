"""Parts of reference pages as Markdown, made of the code: the commands of typer, the settings of pydantic.

The modules of web frameworks are imported here, since autodoc would import them as if a type checker did.
"""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from datetime import timedelta
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import typer
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from typer.cli import get_docs_for_click

import privateshare.objects
import privateshare.web.django
import privateshare.web.fastapi
import privateshare.web.flask
from privateshare.cli.commands import tree
from privateshare.errors import PrivateShareError
from privateshare.objects import DataObject
from privateshare.platform.operating.settings import Settings
from privateshare.platform.operating.settings_file import variables_of
from privateshare.sources.fhir_server.configuration import FhirServerSettings, MedMijSettings

VALUES: Mapping[str, str] = {
    "Sessions, files, accounts": "protocol.messages",
    "What can be connected": "protocol.discovery",
    "Names of the catalogue": "protocol.catalogue",
}
OBJECTS: Mapping[str, str] = {
    "Every object": "objects.model",
    "Entertainment": "objects.entertainment",
    "Social": "objects.social",
    "Health and fitness": "objects.health",
    "Finance": "objects.finance",
    "Government": "objects.government",
    "Parts of several": "objects.parts",
}
MEGABYTE = 1024 * 1024
MODULE = re.compile(r"\b(?:[a-z_]+\.)+(?=\w)")
KINDS: Mapping[object, str] = {int: "whole number", bool: "`true` or `false`", str: "text", Path: "folder"}


def commands() -> str:
    """Return the reference of the command line, as typer writes it."""
    command = typer.main.get_command(tree)
    context = typer.Context(command, info_name="privateshare")
    with context:
        text = get_docs_for_click(obj=command, ctx=context, name="privateshare")
    return re.sub(r"\A# .*\n", "", text)


def settings() -> str:
    """Return a section for every setting of the platform."""
    return "\n".join(
        f"## {variables[0]}\n\n{field.description}\n\n{form(field.annotation)}; default: {default(field)}"
        + (f"; also as {' or '.join(f'`{name}`' for name in variables[1:])}" if variables[1:] else "")
        + "\n"
        for variables, field in ((variables_of(name, field), field) for name, field in Settings.model_fields.items())
    )


def fhir_servers() -> str:
    """Return a table of the fields of a FHIR server's entry."""
    return "\n".join(rows(FhirServerSettings))


def medmij() -> str:
    """Return a table of the fields of a MedMij data service."""
    return "\n".join(rows(MedMijSettings))


def rows(model: type[BaseModel]) -> Iterator[str]:
    """Yield the lines of a table with one row for each field of a model."""
    yield "| field | what it is | form | default |"
    yield "|---|---|---|---|"
    for name, field in model.model_fields.items():
        told = (field.description or "").replace("|", r"\|")
        yield f"| `{name}` | {told} | {form(field.annotation)} | {default(field)} |"


def form(annotation: Any) -> str:
    """Say in words how a value is written."""
    arguments = [kind for kind in get_args(annotation) if kind is not type(None)]
    if get_origin(annotation) in (Union, UnionType):
        return form(arguments[0])
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if get_origin(annotation) is Mapping:
        return "tables, or a JSON object"
    if get_origin(annotation) is tuple:
        return "JSON list of objects" if arguments and _is_model(arguments[0]) else "list, with commas or as JSON"
    if annotation is SecretStr:
        return "text, secret"
    if annotation is timedelta:
        return "number and unit (`s`, `m`, `h`, `d`, `w`)"
    return "JSON object" if _is_model(annotation) else KINDS.get(annotation, "text")


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def default(field: FieldInfo) -> str:
    """Say what holds if a field is not set."""
    value = field.default
    if field.is_required():
        return "required"
    if field.default_factory is not None or value is None or value == ():
        return "not set"
    if isinstance(value, timedelta):
        return _duration(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= MEGABYTE and value % MEGABYTE == 0:
        return f"{value:,} ({value // MEGABYTE:,} MiB)"
    if isinstance(value, tuple):
        return ", ".join(f"`{entry}`" for entry in value)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value.value if isinstance(value, Enum) else value}`"


def _duration(value: timedelta) -> str:
    for unit, seconds in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count, rest = divmod(int(value.total_seconds()), seconds)
        if count and not rest:
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{int(value.total_seconds())} seconds"


def values() -> str:
    """Return the public values of the SDK that `reference/sdk.md` does not show, by the module that defines them."""
    return "\n".join(
        described(heading, [f"privateshare.{name}" for name in names_of(privateshare, module)])
        for heading, module in VALUES.items()
    )


def objects() -> str:
    """Return the models of what is in files, by service group."""
    return "\n".join(
        described(heading, [f"privateshare.objects.{name}" for name in names_of(privateshare.objects, module)])
        for heading, module in OBJECTS.items()
    )


def undocumented(documented: Container[str]) -> list[str]:
    """Return the public classes and functions that no page describes. A test compares the page of errors."""
    names: list[str] = getattr(privateshare, "__all__")  # noqa: B009 - it is made when it is asked for
    public = {f"privateshare.{name}": getattr(privateshare, name) for name in names}
    public |= {
        f"privateshare.objects.{name}": getattr(privateshare.objects, name) for name in privateshare.objects.__all__
    }
    return sorted(
        name
        for name, thing in public.items()
        if name not in documented
        and thing.__module__.startswith("privateshare.")
        and not (isinstance(thing, type) and issubclass(thing, PrivateShareError))
    )


def names_of(package: ModuleType, module: str) -> list[str]:
    """Return the public names of a package that one of its modules defines."""
    return [name for name in package.__all__ if getattr(package, name).__module__ == f"privateshare.{module}"]


def described(heading: str, names: list[str]) -> str:
    """Return a section with a part for each class."""
    return "\n".join([f"## {heading}\n", *map(part, names)])


def part(name: str) -> str:
    """Return the docstring of a class, which autodoc fills in, and a table of its fields or members."""
    package, _, short = name.rpartition(".")
    kind = getattr(import_module(package), short)
    lines = [f"### {short}\n", "```{eval-rst}", f".. autoclass:: {name}", "```\n"]
    if isinstance(kind, type) and issubclass(kind, Enum):
        lines += ["| name | value |", "|---|---|", *(f"| `{member.name}` | `{member.value}` |" for member in kind)]
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        lines += fields_of(kind)
    return "\n".join([*lines, ""])


def fields_of(model: type[BaseModel]) -> list[str]:
    """Return a table of the fields of a model, but for those that every object has."""
    shared = set() if model is DataObject else set(DataObject.model_fields)
    types = get_type_hints(model)
    own = [(name, field) for name, field in model.model_fields.items() if name not in shared]
    table = [f"| `{name}` | {python_type(types[name])} | {python_default(field)} |" for name, field in own]
    return ["| field | type | default |", "|---|---|---|", *table] if table else []


def python_type(annotation: Any) -> str:
    """Return a type as code."""
    if isinstance(annotation, type) and not get_args(annotation):
        return f"`{annotation.__name__}`"
    return f"`{MODULE.sub('', str(annotation))}`".replace("|", r"\|")


def python_default(field: FieldInfo) -> str:
    """Return the default of a field as code."""
    if field.is_required():
        return "required"
    return f"`{field.get_default(call_default_factory=True)!r}`"


GENERATED: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "settings": settings,
    "fhir_servers": fhir_servers,
    "medmij": medmij,
    "objects": objects,
    "values": values,
}
