"""The base class of the JSON messages between client and platform."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


def wire_name(field: str) -> str:
    """Convert a field's name to camelCase, without the trailing underscore of Python keywords such as `from_`."""
    return to_camel(field.rstrip("_"))


class Wire(BaseModel):
    """An immutable message whose fields are camelCase in JSON. Unknown fields are ignored (protocol 9.3)."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="ignore", defer_build=True, alias_generator=wire_name, populate_by_name=True
    )

    def to_wire(self) -> dict[str, Any]:
        """Convert to a JSON object without the fields that are None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class EmptyBody(Wire):
    """An empty response, which only says that the request succeeded."""
