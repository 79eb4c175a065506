"""Responses as values: JSON, and typed messages of the protocol."""

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from privateshare.errors import InvalidAnswer
from privateshare.sdk.http.requests import Response

T = TypeVar("T")

UNAUTHORIZED = 401

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def read_json(body: bytes) -> Any:
    """Parse JSON as RFC 8259 defines it: UTF-8, without NaN, and every string is valid Unicode.

    Raises:
        InvalidAnswer: The body is not JSON, or is nested too deeply to be parsed.
    """
    try:
        found = json.loads(body.decode("utf-8-sig"), parse_constant=_reject_constant)
        if _SURROGATE.search(body):  # Half of a surrogate pair could not be sent or written later.
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidAnswer("The platform's response is not JSON") from error
    return found


def json_value(response: Response) -> Any:
    """Return the JSON value of a response. Raise InvalidAnswer if the body is not JSON."""
    return read_json(response.body)


def json_object(response: Response) -> dict[str, Any]:
    """Return the JSON object of a response. Raise InvalidAnswer if the body is something else."""
    value = json_value(response)
    if not isinstance(value, dict):
        raise InvalidAnswer("The platform's response is not a JSON object")
    return value


def text_of(values: Mapping[str, Any], name: str) -> str:
    """Return a text of a response. Raise InvalidAnswer if it is missing or is not text."""
    value = values.get(name)
    if not isinstance(value, str):
        raise InvalidAnswer(f"The platform's response has no {name}")
    return value


def read_as(kind: type[T], raw: object) -> T:
    """Parse a JSON value as a type of the protocol. Raise InvalidAnswer that names the field which is wrong."""
    try:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind.model_validate(raw)
        return TypeAdapter(kind).validate_python(raw)
    except (ValidationError, RecursionError) as error:
        where = error.errors()[0]["loc"] if isinstance(error, ValidationError) else ("its depth",)
        place = ".".join(str(part) for part in where)
        raise InvalidAnswer(f"The platform's response is wrong at {place or 'its top level'}") from error


def _reject_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")
