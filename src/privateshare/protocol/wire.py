"""The base class of the JSON messages between client and platform."""

from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from privateshare.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)


def wire_name(field: str) -> str:
    """Convert a field's name to camelCase, without the trailing underscore of Python keywords such as `from_`."""
    return to_camel(field.rstrip("_"))


class CheckedCall(ModelMetaclass):
    """The class of message classes. A message that is made in code from wrong values is a ConfigurationError.

    JSON that is parsed (`model_validate`) does not pass here: it may have unknown fields, and raises ValidationError.
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - This is a metaclass.
        """Make a message. Raise ConfigurationError that names wrong fields, and TypeError for unknown ones."""
        for name in kwargs.keys() - _keywords_of(cls):
            raise TypeError(f"{cls.__name__}() got an unexpected keyword argument {name!r}")
        try:
            return super().__call__(*args, **kwargs)
        except ValidationError as error:
            wrong = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
            raise ConfigurationError(f"{cls.__name__} cannot be made. {'; '.join(wrong)}") from None


@cache
def _keywords_of(kind: CheckedCall) -> frozenset[str]:
    """Return the names of a message's fields, in Python and in JSON."""
    fields = kind.model_fields  # type: ignore[attr-defined]
    # The alias is set only once pydantic has built the class, which happens when it is first used.
    return frozenset(fields) | {field.alias or wire_name(name) for name, field in fields.items()}


class Wire(BaseModel, metaclass=CheckedCall):
    """An immutable message whose fields are camelCase in JSON. Unknown fields are ignored (protocol 9.3)."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="ignore", defer_build=True, alias_generator=wire_name, populate_by_name=True
    )

    def to_wire(self) -> dict[str, Any]:
        """Convert to a JSON object without the fields that are None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class EmptyBody(Wire):
    """An empty response, which only says that the request succeeded."""
