"""The base class of models for data from providers, where one invalid field must not make the rest unusable."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, PrivateAttr, ValidationError, model_validator


class Lenient(BaseModel):
    """An immutable model of received JSON. A field that is absent or has the wrong type gets its default.

    `raw` is the JSON as it was received, with its original field names.
    """

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, extra="ignore", defer_build=True, populate_by_name=True, hide_input_in_errors=True
    )

    _raw: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def raw(self) -> Mapping[str, Any]:
        """The JSON object as it was received."""
        return self._raw

    @model_validator(mode="wrap")
    @classmethod
    def _leniently(cls, raw: Any, handler: ModelWrapValidatorHandler["Lenient"]) -> "Lenient":
        try:
            made = handler(raw)
        except ValidationError as error:
            if not isinstance(raw, Mapping):
                raise
            wrong = {str(problem["loc"][0]) for problem in error.errors() if problem["loc"]}
            made = handler({name: value for name, value in raw.items() if name not in wrong})
        if isinstance(raw, Mapping):
            made._raw = raw
        return made

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            if name is None or value != type(self).model_fields[name].default:
                yield name, value
