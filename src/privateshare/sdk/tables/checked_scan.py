"""A fast scan of files whose objects have the same shape as earlier ones. msgspec checks that while it parses.

Objects are looked at one by one only until their shape is known. Without the package msgspec, every object is.
"""

from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from privateshare.sdk.lazy import LazyModule
from privateshare.sdk.tables.contents import Record, identity_of, identity_of_id
from privateshare.sdk.tables.shapes import EXACT_IN_FLOAT, Shape

if TYPE_CHECKING:
    import msgspec
else:  # An optional extra.
    msgspec = LazyModule("msgspec")

IDENTIFYING = ("entityid", "resourceType", "id", "subject", "patient", "meta")
"""The fields that identity is made of, see `identity_of`."""
MAX_SHAPES = 20
"""A table whose objects keep having new shapes is not worth the checks."""


class CheckedScan:
    """Reads the identities of a file's objects, if they have a known shape. It belongs to one table.

    Args:
        shape: The shape of the table's objects, which grows.
        is_fhir: Whether they are FHIR resources.
    """

    def __init__(self, shape: Shape, *, is_fhir: bool) -> None:
        self._shape, self._is_fhir = shape, is_fhir
        self._decode: Callable[[bytes], list[Any]] | None = None
        self._shapes = 0
        self.types: set[str] = set()
        """The resource types of the table, as they are written."""

    def forget(self) -> None:
        """Forget the shape, because objects of another one were added."""
        self._decode = None

    def identities(self, data: bytes, place: tuple[str | None, str]) -> "Sequence[int] | None":
        """Return the identities of a file's objects; None if they may not be of the known shape, or are none.

        Args:
            data: The file.
            place: The user and the account that it is from.
        """
        if self._decode is None and not self._prepare():
            return None
        assert self._decode is not None
        try:
            found = self._decode(data)
        except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors.
            return None
        identities, unset = array("q"), msgspec.UNSET
        own = type(found[0]).own_names.get("entityid") if found else None
        for thing in found:
            value = getattr(thing, own) if own is not None else unset
            if value is not unset:
                identities.append(identity_of_id(value, place))
                continue
            identity = identity_of(_identifying(thing, unset), place)
            if identity is None:
                return None
            identities.append(identity)
        return identities or None

    def _prepare(self) -> bool:
        self._shapes += 1
        if self._shapes > MAX_SHAPES:
            return False
        try:
            kind = _object_type(self._shape, {"resourceType": self.types} if self._is_fhir else {})
            self._decode = msgspec.json.Decoder(list[kind]).decode  # type: ignore[valid-type]
        except (ModuleNotFoundError, UnicodeEncodeError):  # A name of a field may have half of a surrogate pair.
            self._shapes = MAX_SHAPES
            return False
        return True


def _identifying(thing: Any, unset: Any) -> Record:
    """Return the fields that identify a parsed object, as a dictionary."""
    found = {}
    for name, own in type(thing).own_names.items():
        value = getattr(thing, own)
        if hasattr(type(value), "all_names"):  # A nested object.
            value = _references(value, unset)
        if value is not unset:
            found[name] = value
    return found


def _references(part: Any, unset: Any) -> Record:
    """Return the fields of a nested object that identify the object, as a dictionary."""
    names: Mapping[str, str] = type(part).all_names
    values = {name: getattr(part, names[name]) for name in ("reference", "source") if name in names}
    return {name: value for name, value in values.items() if value is not unset}


def _object_type(shape: Shape, words: Mapping[str, Collection[str]]) -> Any:
    """Return the type of objects that have no other fields than those of a shape, with values of the same kinds.

    Args:
        shape: The shape.
        words: The only texts that some fields may have, which must be there.
    """
    names = {name: f"field{number}" for number, name in enumerate(shape.fields)}
    fields: list[Any] = []
    for name, own in names.items():
        if name in words:
            fields.append((own, Literal[tuple(words[name])]))  # Without it, an object would be of another table.
        else:
            fields.append((own, Union[_type(shape.fields[name]), None, msgspec.UnsetType], msgspec.UNSET))  # noqa: UP007
    rename = {own: name for name, own in names.items()}
    kind: Any = msgspec.defstruct("Checked", fields, rename=rename, kw_only=True, forbid_unknown_fields=True, gc=False)
    kind.all_names = names
    kind.own_names = {name: own for name, own in names.items() if name in IDENTIFYING}
    return kind


def _type(shape: Shape) -> Any:
    """Return the type of the values of a place. More kinds of values than it has would change its column."""
    kind = shape.kind
    if kind == "json":  # This takes any value, whatever else comes; but numbers alone may be dates.
        return Annotated[int, msgspec.Meta(ge=0, le=-1)] if shape.is_number else Any
    if kind == "object":
        return _object_type(shape, {})
    if kind == "list":
        assert shape.item is not None
        return list[Union[_type(shape.item), None]]  # type: ignore[misc]  # noqa: UP007
    if kind == "flag":
        return bool
    if kind == "text":
        return str if shape.is_text else type(None)
    most = 2**63 - 1 if shape.is_big else EXACT_IN_FLOAT
    whole = Annotated[int, msgspec.Meta(ge=-most, le=most)]
    return whole if kind == "whole" else Union[whole, float]  # noqa: UP007
