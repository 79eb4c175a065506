"""Requests to a FHIR server, and the handling of its errors."""

from dataclasses import dataclass, field

import httpx2

from privateshare.sources.contract import JsonObject, NeedsLogin, TryLater
from privateshare.sources.fhir_file.digits import parse_exactly
from privateshare.sources.web import (
    MAX_RESPONSE_BYTES,
    ServerReach,
    open_client,
    read_object,
    retry_after_seconds,
)

FHIR_JSON = "application/fhir+json"
UNAVAILABLE_STATUSES = (429, 502, 503, 504)


class Refused(Exception):
    """The server does not provide this resource type, but may provide others. `status` is the HTTP status."""

    def __init__(self, status: int, code: str) -> None:
        self.status, self.code = status, code
        super().__init__(f"{code} ({status})")


@dataclass(frozen=True, slots=True)
class FhirResponse:
    """A resource that a server sent.

    Attributes:
        resource: The resource.
        exact: The same, in which numbers keep all digits, since zeros at their end have a meaning in FHIR.
            `write_exactly` writes it.
        headers: The headers of the response.
    """

    resource: JsonObject = field(repr=False)
    exact: JsonObject = field(repr=False)
    headers: httpx2.Headers = field(repr=False)


def open_fhir(
    token: JsonObject | None, max_bytes: int = MAX_RESPONSE_BYTES, reach: ServerReach = ServerReach.ANY
) -> httpx2.Client:
    """Open an HTTP client that uses a token. Raises NeedsLogin if there is no token."""
    if token is None or not isinstance(token.get("access_token"), str):
        raise NeedsLogin("nobody is signed in")
    headers = {"accept": FHIR_JSON, "authorization": f"Bearer {token['access_token']}"}
    return open_client(headers, max_bytes, reach=reach)


def get_resource(client: httpx2.Client, address: str) -> FhirResponse:
    """Get a resource. Raises Refused, TryLater or NeedsLogin."""
    try:
        response = client.get(address)
    except httpx2.InvalidURL as error:
        raise Refused(httpx2.codes.OK, "ForeignLink") from error
    except httpx2.TransportError as error:
        raise TryLater("the server does not respond") from error
    check_access(response)
    if not response.is_success:
        raise Refused(response.status_code, "SourceRefused")
    resource = read_object(response)
    if resource is None or not isinstance(resource.get("resourceType"), str):
        raise Refused(response.status_code, "NotFhir")
    try:
        return FhirResponse(resource, parse_exactly(response.content), response.headers)
    except (ValueError, RecursionError) as error:
        raise Refused(response.status_code, "NotFhir") from error


def check_access(response: httpx2.Response) -> None:
    """Check the status of a response.

    Raises:
        NeedsLogin: The server does not accept the token any more.
        TryLater: The server is unavailable or limits requests.
    """
    if response.status_code == httpx2.codes.UNAUTHORIZED:
        raise NeedsLogin("the server does not accept the token")
    if response.status_code in UNAVAILABLE_STATUSES:
        raise TryLater("the server is not available", retry_after_seconds(response))
