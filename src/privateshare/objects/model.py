"""The base classes of all objects: immutable models of the received JSON."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict

from privateshare.protocol.catalogue import ObjectType
from privateshare.protocol.lenient import Lenient

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _wire_name(field: str) -> str:
    return field.replace("_", "")


def _from_milliseconds(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    try:
        return EPOCH + timedelta(milliseconds=value)
    except (OverflowError, ValueError) as error:
        raise ValueError("the date is outside the years 1 to 9999") from error


def _aware(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


Moment = Annotated[datetime, BeforeValidator(_from_milliseconds), AfterValidator(_aware)]
"""A datetime in UTC. In JSON it is a number of milliseconds since the epoch."""


class DataObject(Lenient):
    """An object of a person's data, or a part of one.

    Fields are named as in JSON, with underscores between words: `createddate` is `created_date`. Providers differ, so a
    field that is absent or has the wrong type is None, or empty if it is a list. `raw` is the JSON as it was received.
    Each field of it is also an attribute under its JSON name, with its JSON value: `thing.createddate` is in
    milliseconds.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        alias_generator=_wire_name,
        coerce_numbers_to_str=True,  # Some providers use numbers as ids, others texts.
    )
    object_type: ClassVar[ObjectType | None] = None

    entity_id: str = ""
    account_entity_id: str | None = None
    created_date: Moment | None = None
    updated_date: Moment | None = None

    if not TYPE_CHECKING:  # Type checkers must not see this, so that they report misspelled fields.

        def __getattr__(self, name: str) -> Any:
            return super().__getattr__(name) if name.startswith("_") or name not in self._raw else self._raw[name]


class OtherObject(DataObject):
    """An object of a type without a model. Every field of the JSON is an attribute, and so are nested fields."""

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._raw]

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield from self._raw.items()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    else:

        def __getattr__(self, name: str) -> Any:
            value = super().__getattr__(name)
            return value if name.startswith("_") else _with_attributes(value)


def _with_attributes(value: Any) -> Any:
    if isinstance(value, dict):
        return OtherObject.model_validate(value)
    return [_with_attributes(item) for item in value] if isinstance(value, list) else value
