"""Handing a resource to a FHIR server: `create` of its REST API."""

import re

import httpx2

from privateshare.sources.contract import JsonObject, PushAnswer, TryLater
from privateshare.sources.fhir_server.requests import FHIR_JSON, check_access
from privateshare.sources.web import NOT_SENT, asks_to_wait, read_object

MAX_CREATED_BYTES = 2 * 1024 * 1024  # the platform keeps it for a repeat
TIMED_OUT = 504
NOT_TAKEN = (429, 503)  # statuses by which a server says that it did nothing
SERVER_ERROR = 500

_LOCATION = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/[^/]+)?/?$")


def create(client: httpx2.Client, base: str, resource_type: str, content: bytes) -> PushAnswer:
    """What the server said. Raises NeedsLogin, and TryLater if it certainly took nothing."""
    headers = {"content-type": FHIR_JSON, "prefer": "return=representation"}
    try:
        response = client.post(f"{base}/{resource_type}", content=content, headers=headers)
    except NOT_SENT as error:
        raise TryLater("the server does not answer") from error
    except httpx2.TransportError:
        return PushAnswer(TIMED_OUT, outcome("timeout", "The server did not answer; it may have kept it"), False)
    if response.status_code in NOT_TAKEN:
        raise TryLater("the server is not available", asks_to_wait(response))
    if response.status_code == httpx2.codes.UNAUTHORIZED:
        check_access(response)
    content_told = read_object(response) or (_created(response) if response.is_success else {})
    return PushAnswer(response.status_code, content_told, certain=response.status_code < SERVER_ERROR)


def outcome(code: str, text: str) -> JsonObject:
    """An OperationOutcome with one error."""
    issue = {"severity": "error", "code": code, "details": {"text": text}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _created(response: httpx2.Response) -> JsonObject:
    """What a server that answers without a body says of the new resource in its Location."""
    found = _LOCATION.search(response.headers.get("location", ""))
    return {"resourceType": found[1], "id": found[2]} if found else {}
