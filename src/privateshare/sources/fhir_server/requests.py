"""Requests to a FHIR server, and what its refusals mean."""

import httpx2

from privateshare.sources.contract import JsonObject, NeedsLogin, TryLater
from privateshare.sources.web import MAX_ANSWER_BYTES, asks_to_wait, open_client, read_object

FHIR_JSON = "application/fhir+json"
WAITING = (429, 502, 503, 504)


class Refused(Exception):
    """The server will not give this; it may give other things. `status` is what it answered."""

    def __init__(self, status: int, code: str) -> None:
        self.status, self.code = status, code
        super().__init__(f"{code} ({status})")


def open_fhir(token: JsonObject | None, max_bytes: int = MAX_ANSWER_BYTES) -> httpx2.Client:
    """A client for a FHIR server, as whoever the token is for. Raises NeedsLogin if there is none."""
    if token is None or not isinstance(token.get("access_token"), str):
        raise NeedsLogin("nobody is signed in")
    return open_client({"accept": FHIR_JSON, "authorization": f"Bearer {token['access_token']}"}, max_bytes)


def get_resource(client: httpx2.Client, address: str) -> tuple[JsonObject, httpx2.Headers]:
    """A resource and the headers it came with. Raises Refused, TryLater or NeedsLogin."""
    try:
        response = client.get(address)
    except httpx2.InvalidURL as error:
        raise Refused(httpx2.codes.OK, "ForeignLink") from error
    except httpx2.TransportError as error:
        raise TryLater("the server does not answer") from error
    check_access(response)
    if not response.is_success:
        raise Refused(response.status_code, "SourceRefused")
    resource = read_object(response)
    if resource is None or not isinstance(resource.get("resourceType"), str):
        raise Refused(response.status_code, "NotFhir")
    return resource, response.headers


def check_access(response: httpx2.Response) -> None:
    """Raises NeedsLogin if the token is not good any more, TryLater if the server asks for patience."""
    if response.status_code == httpx2.codes.UNAUTHORIZED:
        raise NeedsLogin("the server does not accept the token")
    if response.status_code in WAITING:
        raise TryLater("the server is not available", asks_to_wait(response))
