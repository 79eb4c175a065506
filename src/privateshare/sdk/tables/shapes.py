"""The types of JSON values: which kinds of values many objects have in one place, and the Arrow type that takes all."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from privateshare.sdk.lazy import LazyModule

if TYPE_CHECKING:
    import pyarrow
else:  # An optional extra.
    pyarrow = LazyModule("pyarrow")

Nested = Literal["structs", "json"]
"""The form of objects and lists in a table: Arrow structs and lists, or JSON text."""
Kind = Literal["text", "whole", "number", "flag", "object", "list", "json"]
"""The kind of all values of one place. `json` is JSON text, which takes values of any kind."""
Converter = Callable[[Any], Any]

EXACT_IN_FLOAT = 2**53
"""Floats hold every whole number up to this size."""
INT64 = range(-(2**63), 2**63)
MAX_FIELDS = 300
"""An object with more fields uses them as data, such as one field for each day."""
MAX_DEPTH = 24
"""Deeper values become JSON text. Forms with questions inside of questions have about ten levels."""


class Shape:
    """The kinds of values in one place of many objects, such as `track.name`."""

    __slots__ = ("_big", "_fields", "_flag", "_huge", "_item", "_number", "_opaque", "_text", "_whole")

    def __init__(self) -> None:
        self._text = self._whole = self._number = self._flag = False
        self._big = False  # A whole number that a float does not hold exactly.
        self._huge = False  # A whole number that 64 bits do not hold.
        self._opaque = False  # An object or list that no struct can take.
        self._fields: dict[str, Shape] | None = None
        self._item: Shape | None = None

    @property
    def fields(self) -> "dict[str, Shape]":
        """The fields of the objects in this place, in the order of their first appearance."""
        return self._fields or {}

    @property
    def item(self) -> "Shape | None":
        """The items of the lists in this place, if there is one."""
        return self._item

    @property
    def is_text(self) -> bool:
        """Whether there is a text in this place."""
        return self._text

    @property
    def is_big(self) -> bool:
        """Whether there is a whole number in this place that a float does not hold exactly."""
        return self._big

    def add_object(self, value: dict[str, Any], depth: int = 0) -> None:
        """Add an object. This runs for every field of every object, so it is written for speed."""
        fields = self._fields
        if fields is None:
            fields = self._fields = {}
        if self._opaque:
            return
        for name, inner in value.items():
            shape = fields.get(name)
            if shape is None:
                shape = fields[name] = Shape()
            kind = type(inner)
            if kind is str:
                shape._text = True
            elif kind is int:
                shape._whole = True
                if not -EXACT_IN_FLOAT <= inner <= EXACT_IN_FLOAT:
                    shape._big = True
                    shape._huge = shape._huge or inner not in INT64
            elif inner is not None:
                shape.add(inner, depth)
        if depth and (len(fields) > MAX_FIELDS or depth > MAX_DEPTH):
            self._opaque = True
            fields.clear()

    def add(self, value: Any, depth: int = 0) -> None:
        """Add a value of any kind."""
        kind = type(value)
        if kind is dict:
            self.add_object(value, depth + 1)
        elif kind is list:
            if self._item is None:
                self._item = Shape()
            if depth > MAX_DEPTH:
                self._opaque = True
            elif not self._opaque:
                for item in value:
                    self._item.add(item, depth + 1)
        elif kind is str:
            self._text = True
        elif kind is bool:
            self._flag = True
        elif kind is float:
            self._number = True
        elif kind is int:
            self._whole = True
            self._big = self._big or not -EXACT_IN_FLOAT <= value <= EXACT_IN_FLOAT
            self._huge = self._huge or value not in INT64

    @property
    def is_number(self) -> bool:
        """Whether all values of this place are numbers, and there is one."""
        return (self._whole or self._number) and not (self._text or self._flag or self._nested)

    @property
    def kind(self) -> Kind:
        """The kind that takes all values of this place. Places of mixed kinds become text."""
        if self._nested:
            return self._nested_kind()
        numeric = self._whole or self._number
        if self._text + self._flag + numeric != 1:
            return "json" if self._text or self._flag or numeric else "text"
        if numeric:
            is_inexact = self._huge or (self._number and self._big)
            return "json" if is_inexact else "number" if self._number else "whole"
        return "text" if self._text else "flag"

    def arrow_type(self, nested: Nested = "structs") -> "pyarrow.DataType":
        """Return the Arrow type of this place."""
        kind = self.kind
        if kind == "object" and nested == "structs":
            return pyarrow.struct([(name, shape.arrow_type()) for name, shape in self.fields.items()])
        if kind == "list" and nested == "structs":
            assert self._item is not None
            return pyarrow.list_(self._item.arrow_type())
        scalars = {"whole": pyarrow.int64(), "number": pyarrow.float64(), "flag": pyarrow.bool_()}
        return scalars.get(kind, pyarrow.string())

    def converter(self, nested: Nested = "structs") -> Converter | None:
        """Return what makes values of this place ready for `arrow_type`; None if they are as they stand."""
        kind = self.kind
        if kind == "json" or (kind in ("object", "list") and nested == "json"):
            return json_text
        if kind == "object":
            return _object_converter(self.fields)
        if kind == "list":
            assert self._item is not None
            item = self._item.converter()
            return None if item is None else lambda value: None if value is None else [item(each) for each in value]
        return None

    @property
    def _nested(self) -> bool:
        return self._fields is not None or self._item is not None

    def _nested_kind(self) -> Kind:
        is_mixed = self._text or self._whole or self._number or self._flag
        if is_mixed or self._opaque or (self._fields is not None and self._item is not None):
            return "json"
        if self._item is not None:
            return "list"
        return "object" if _are_names(self.fields) else "json"


def json_text(value: Any) -> str | None:
    """Return a value as text: JSON, unless it is text already."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def encodable(value: Any) -> Any:
    """Replace what is not text in a value's texts. JSON may have half of a surrogate pair, and Arrow may not."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [encodable(item) for item in value]
    if isinstance(value, dict):
        return {name: encodable(item) for name, item in value.items()}
    return value


def _object_converter(fields: dict[str, Shape]) -> Converter | None:
    changed = {name: found for name, shape in fields.items() if (found := shape.converter()) is not None}
    if not changed:
        return None

    def convert(value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is None:
            return None
        return value | {name: change(value[name]) for name, change in changed.items() if name in value}

    return convert


def _are_names(fields: dict[str, Shape]) -> bool:
    """Tell whether these can be the fields of a struct. Databases ignore the case of their names."""
    try:
        folded = {name.casefold() for name in fields if name.encode()}
    except UnicodeEncodeError:
        return False
    return bool(fields) and len(folded) == len(fields)
