"""Flows that push data into a person's library, or to one of their sources. Protocol 10."""

from typing import Any
from urllib.parse import quote

from privateshare.protocol.messages import PushDescriptor
from privateshare.sdk.arguments import check_kind, check_text
from privateshare.sdk.core import Core
from privateshare.sdk.flow import Flow, send
from privateshare.sdk.flows.accounts import check_account_id
from privateshare.sdk.flows.signed_calls import as_user, call_as_user
from privateshare.sdk.http.requests import Request, Response
from privateshare.sdk.http.responses import UNAUTHORIZED, json_value
from privateshare.sdk.tokens import Holder, check_holder
from privateshare.sdk.uploads import AsyncContent, pieces_of

IMPORT_ROUTE = "permission-access/import"


def push_data(core: Core, holder: Holder, content: AsyncContent, descriptor: PushDescriptor) -> Flow[None]:
    """Stream a file into the person's library. Protocol 10.1."""
    check_holder(holder)
    check_kind("file_descriptor", descriptor, PushDescriptor, "PushDescriptor(…)")
    pieces, is_repeatable = pieces_of(content)
    described = core.descriptors.sign(core.configuration.private_key, descriptor)
    headers = {"content-type": "application/octet-stream", "FileDescriptor": described}
    if isinstance(content, bytes):  # Without a length, the body is sent in chunks: a small file needs more packets.
        headers["content-length"] = str(len(content))

    def call(access_token: str) -> Flow[Response]:
        signed = core.configuration.bearer(access_token=access_token) | headers
        url = core.configuration.api + IMPORT_ROUTE
        request = Request(method="POST", url=url, route=IMPORT_ROUTE, headers=signed, body=pieces)
        return send(request, core.configuration.retries, repeatable=is_repeatable)

    # A stream that gives its bytes once cannot be sent again, whatever the error is.
    yield from as_user(holder, call, refresh_on=lambda error: is_repeatable and error.status == UNAUTHORIZED)


def push_to_provider(core: Core, holder: Holder, account_id: str, standard: str, version: str, data: Any) -> Flow[Any]:
    """Send a resource to an account's source, and return the source's response. Protocol 10.2."""
    check_holder(holder)
    check_account_id(account_id)
    check_text("standard", standard, 'the name of a standard, such as "fhir"')
    check_text("version", version, 'the version of the standard, such as "4.0.1"')
    check_kind("data", data, dict, "a resource as a dictionary")
    path = f"permission-access/import/h:accountId/{quote(standard, safe='')}/{quote(version, safe='')}"
    response = yield from call_as_user(core, holder, "POST", path, data, headers={"accountId": account_id})
    return json_value(response)
