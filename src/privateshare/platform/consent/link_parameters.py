"""The query parameters of the links by which apps open consent pages. Protocol 8.2."""

import json
import re
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel
from starlette.datastructures import QueryParams

from privateshare.errors import InvalidRequest

TextWithoutControls = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
MAX_SOURCE = 2**31 - 1  # Larger numbers fit neither the database nor a cookie.
LANGUAGE = re.compile(r"[A-Za-z]{1,8}([-_][A-Za-z0-9]{1,8}){0,3}")


class SourcesScope(BaseModel):
    """Which sources to offer: those that hold any of these data types, of this type of organization."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    data_type: list[Annotated[TextWithoutControls, Field(max_length=100)]] = Field(default=[], max_length=100)
    organization_type: TextWithoutControls | None = Field(default=None, max_length=100)


class LinkParameters(BaseModel):
    """The query of protocol 8.2. Missing parameters have their defaults, and unknown ones are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    service: int | None = Field(default=None, ge=0, le=MAX_SOURCE)
    source_type: str = Field(default="pull", pattern="^(pull|push)$")
    sample_data_set: TextWithoutControls | None = Field(default=None, max_length=100)
    sample_data_auto_onboard: bool = False
    lng: TextWithoutControls | None = Field(default=None, max_length=35)
    include_sample_data_only_sources: bool = False
    storage_ref: TextWithoutControls | None = Field(default=None, max_length=200)
    account_ref: TextWithoutControls | None = Field(default=None, max_length=200)
    trigger_query: bool = True
    sources_scope: SourcesScope | None = None
    callback: TextWithoutControls | None = Field(default=None, max_length=2000)

    @field_validator("sources_scope", mode="before")
    @classmethod
    def _decode(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = unquote(value) if value.startswith("%") else value  # Some clients encode it twice.
        try:
            return json.loads(text)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error

    def to_row(self) -> dict[str, Any]:
        """Return them as they are stored; `LinkParameters.model_validate` reads that back."""
        return self.model_dump(mode="json", exclude_defaults=True)


def is_language(text: str) -> bool:
    """Tell whether a text could name a language, such as `de` or `pt-BR`."""
    return LANGUAGE.fullmatch(text) is not None


def read_parameters(query: QueryParams) -> LinkParameters:
    """Read the parameters of a link's query. Raises InvalidRequest, which names the invalid ones."""
    try:
        return LinkParameters.model_validate({name: value for name, value in query.items() if value != ""})
    except ValidationError as error:
        names = {str(item["loc"][0]) for item in error.errors()}
        raise InvalidRequest(f"The link has a wrong value in {', '.join(sorted(names))}") from error
