"""Pushing into a person's library, or to one of their sources. Protocol 10."""

from typing import Any

from privateshare.protocol import jwt
from privateshare.protocol.messages import PushDescriptor
from privateshare.sdk.configuration import Configuration
from privateshare.sdk.flow import Flow, Request, Response, sent
from privateshare.sdk.flows.calls import UNAUTHORIZED, as_user, called, parsed
from privateshare.sdk.tokens import Holder
from privateshare.sdk.uploads import AsyncContent, pieces_of


def push_data(
    configuration: Configuration, token: Holder, content: AsyncContent, descriptor: PushDescriptor
) -> Flow[None]:
    """Keeps a file in the person's library; it is streamed. Protocol 10.1."""
    pieces, again = pieces_of(content)
    described = jwt.sign(configuration.private_key, {"metadata": descriptor.to_wire()})
    headers = {"content-type": "application/octet-stream", "FileDescriptor": described}

    def call(access: str) -> Flow[Response]:
        signed = configuration.bearer(access_token=access) | headers
        url = f"{configuration.api}permission-access/import"
        request = Request(method="POST", url=url, headers=signed, body=pieces)
        return sent(request, configuration.retries, repeatable=again)

    # a stream that gives its bytes once cannot be sent again, whatever the refusal
    yield from as_user(token, call, refreshes=lambda error: again and error.status == UNAUTHORIZED)


def push_to_provider(
    configuration: Configuration, token: Holder, account_id: str, standard: str, version: str, data: Any
) -> Flow[Any]:
    """Hands a resource to an account's source; what it answered. Protocol 10.2."""
    path = f"permission-access/import/h:accountId/{standard}/{version}"
    headers = {"accountId": account_id}
    response = yield from as_user(
        token, lambda access: called(configuration, "POST", path, data, headers=headers, access_token=access)
    )
    return parsed(response)
