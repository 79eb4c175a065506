"""What every lent object is: a frozen model over the JSON that came."""

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
        raise ValueError("no date of the years 1 to 9999") from error


def _aware(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


Moment = Annotated[datetime, BeforeValidator(_from_milliseconds), AfterValidator(_aware)]
"""A date of the wire, milliseconds since the epoch, as an aware datetime in UTC."""


class DataObject(Lenient):
    """An object that a person lends, or a part of one.

    Fields have the wire's names with the words set apart: `createddate` is `created_date`. One that is absent, or that
    is not of its type, is None (empty, for a list): providers differ. `raw` is the JSON as it came, with every field
    under the wire's name; at run time each of those is an attribute too (`thing.createddate`, in milliseconds).
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        alias_generator=_wire_name,
        coerce_numbers_to_str=True,  # an id that is a number at one provider is text at another
    )
    object_type: ClassVar[ObjectType | None] = None

    entity_id: str = ""
    account_entity_id: str | None = None
    created_date: Moment | None = None
    updated_date: Moment | None = None

    if not TYPE_CHECKING:  # a misspelt field is to be found by type checkers

        def __getattr__(self, name: str) -> Any:
            return super().__getattr__(name) if name.startswith("_") or name not in self._raw else self._raw[name]


class OtherObject(DataObject):
    """An object of a type that has no model of its own: every field of the JSON is an attribute, nested ones too."""

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._raw]

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield from self._raw.items()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    else:

        def __getattr__(self, name: str) -> Any:
            value = super().__getattr__(name)
            return value if name.startswith("_") else _seen(value)


def _seen(value: Any) -> Any:
    if isinstance(value, dict):
        return OtherObject.model_validate(value)
    return [_seen(item) for item in value] if isinstance(value, list) else value
