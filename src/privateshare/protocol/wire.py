"""What every value on the wire is."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


def wire_name(field: str) -> str:
    """A field as the wire has it: camelCase, without the underscore that keeps it apart from a word of Python."""
    return to_camel(field.rstrip("_"))


class Wire(BaseModel):
    """A frozen value whose fields are camelCase on the wire; unknown fields of an answer are ignored (protocol 9.3)."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="ignore", defer_build=True, alias_generator=wire_name, populate_by_name=True
    )

    def to_wire(self) -> dict[str, Any]:
        """The JSON object of the wire; what is not set is left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
