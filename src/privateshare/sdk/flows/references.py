"""Flows that exchange ids for opaque references. Protocol 4.5."""

from privateshare.sdk.arguments import check_text
from privateshare.sdk.core import Core
from privateshare.sdk.flow import Flow
from privateshare.sdk.flows.signed_calls import call_api
from privateshare.sdk.http.responses import json_object, text_of


def storage_reference(core: Core, storage_id: str) -> Flow[str]:
    """Exchange the id of a storage for an opaque reference."""
    check_text("storage_id", storage_id, "the id of a storage, as in Storage.id")
    return (yield from _reference(core, "cloudId", storage_id))


def account_reference(core: Core, account_id: str) -> Flow[str]:
    """Exchange the id of an account for an opaque reference."""
    return (yield from _reference(core, "accountId", account_id))


def _reference(core: Core, kind: str, value: str) -> Flow[str]:
    response = yield from call_api(core, "POST", "reference", {"type": kind, "value": value})
    return text_of(json_object(response), "id")
