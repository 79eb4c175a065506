"""Pushing resources to a FHIR server, with the interaction `create` of its REST API."""

import re

import httpx2

from privateshare.sources.contract import JsonObject, PushAnswer, TryLater
from privateshare.sources.fhir_server.requests import FHIR_JSON, check_access
from privateshare.sources.web import NOT_SENT, read_object, retry_after_seconds

MAX_CREATED_BYTES = 2 * 1024 * 1024  # The platform stores the response, to return it again for a repeated request.
GATEWAY_TIMEOUT = 504
UNPROCESSED_STATUSES = (429, 503)  # The server certainly did nothing.
INTERNAL_SERVER_ERROR = 500

_LOCATION = re.compile(r"(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})(?:/_history/[^/]+)?/?$")


def create(client: httpx2.Client, base: str, resource_type: str, content: bytes) -> PushAnswer:
    """Create a resource, and return the server's response.

    Raises:
        NeedsLogin: The server does not accept the token.
        TryLater: The server certainly did not store the resource.
    """
    headers = {"content-type": FHIR_JSON, "prefer": "return=representation"}
    try:
        response = client.post(f"{base}/{resource_type}", content=content, headers=headers)
    except NOT_SENT as error:
        raise TryLater("the server does not respond") from error
    except httpx2.TransportError:
        return PushAnswer(
            GATEWAY_TIMEOUT,
            outcome("timeout", "The server did not respond. It may have stored the resource."),
            certain=False,
        )
    if response.status_code in UNPROCESSED_STATUSES:
        raise TryLater("the server is not available", retry_after_seconds(response))
    if response.status_code == httpx2.codes.UNAUTHORIZED:
        check_access(response)
    body = read_object(response) or (_created(response) if response.is_success else {})
    return PushAnswer(response.status_code, body, certain=response.status_code < INTERNAL_SERVER_ERROR)


def outcome(code: str, text: str) -> JsonObject:
    """Build an OperationOutcome with one error."""
    issue = {"severity": "error", "code": code, "details": {"text": text}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _created(response: httpx2.Response) -> JsonObject:
    """Return the type and id of the new resource from the header Location, for responses without a body."""
    found = _LOCATION.search(response.headers.get("location", ""))
    return {"resourceType": found[1], "id": found[2]} if found else {}
