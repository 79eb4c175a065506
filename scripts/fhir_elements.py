"""Writes the elements of FHIR's types anew, from the models of `fhir.resources`, to the file that XML is read with.

Those of R4 count first, and then those that only STU3 or R5 have.
"""

import pkgutil
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from importlib import import_module

import orjson
from pydantic import BaseModel

from privateshare.sources.fhir_file.fhir_xml import ELEMENTS_FILE, TEXT

R4 = "fhir.resources.R4B"
VERSIONS = (R4, "fhir.resources.STU3", "fhir.resources")
_NAME = re.compile(r"abc\.(\w+)Type\b")
_PRIMITIVES = [
    (re.compile(r"\bbool\b"), "boolean"),
    (re.compile(r"\bDecimal\b"), "decimal"),
    (re.compile(r"\bint\b"), "integer"),
]


def fhir_elements() -> bytes:
    """Return the content of the file: the kind of each element by type, with an asterisk if it is a list.

    Most elements are of the same kind in all types; these are listed once, without a type. Single texts are not listed.
    """
    types: dict[str, dict[str, str]] = {}
    for version in VERSIONS:
        for name, elements in types_of(version).items():
            types[name] = elements | types.get(name, {})
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for elements in types.values():
        for name, kind in elements.items():
            kinds[name][kind] += 1
    usual = {name: max(sorted(counted), key=counted.__getitem__) for name, counted in kinds.items()}
    found = {"": {name: kind for name, kind in usual.items() if kind != TEXT}}
    for type_, elements in types.items():
        found[type_] = {name: kind for name, kind in elements.items() if kind != usual[name]}
    listed = {type_: elements for type_, elements in found.items() if elements}
    return orjson.dumps(listed, option=orjson.OPT_SORT_KEYS) + b"\n"


def types_of(version: str) -> dict[str, dict[str, str]]:
    """Return the kinds of the elements of each type of a version, which is a package of models."""
    found: dict[str, dict[str, str]] = {}
    for module in pkgutil.iter_modules(import_module(version).__path__):
        if module.ispkg or module.name.endswith("type"):
            continue
        for name, model in vars(import_module(f"{version}.{module.name}")).items():
            if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__.startswith(version):
                found[name] = dict(_kinds(model))
    return found


def _kinds(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        if name.endswith("__ext") or name in ("fhir_comments", "resource_type"):
            continue
        yield field.alias or name, _kind(str(field.annotation))


def _kind(annotation: str) -> str:
    found = _NAME.search(annotation)
    kind = found[1] if found is not None else next((one for word, one in _PRIMITIVES if word.search(annotation)), TEXT)
    return kind + "*" if "List[" in annotation else kind


if __name__ == "__main__":
    ELEMENTS_FILE.write_bytes(fhir_elements())
