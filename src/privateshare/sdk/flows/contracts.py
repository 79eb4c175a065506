"""Flows about the contract itself, and the report of what a person's library holds for it. Protocol 12.1, 12.3."""

from dataclasses import replace
from urllib.parse import quote, urlencode

from privateshare.errors import InvalidAnswer
from privateshare.protocol.messages import ContractDetails
from privateshare.sdk.arguments import check_choice, check_text, check_whole, check_word, optional
from privateshare.sdk.core import Core
from privateshare.sdk.flow import Flow, send
from privateshare.sdk.flows.signed_calls import as_user, call_api, signed_request
from privateshare.sdk.http.requests import Response
from privateshare.sdk.http.response_bodies import MAX_REPORT_BYTES
from privateshare.sdk.http.responses import json_value, read_as
from privateshare.sdk.tokens import Holder, check_holder

FORMATS = ("xml", "json", "fhir")


def contract_details(core: Core) -> Flow[ContractDetails]:
    """Get this contract. Protocol 12.1."""
    response = yield from call_api(core, "GET", "permission-access/contract")
    return read_as(ContractDetails, json_value(response))


def confirm_deletion(core: Core, consent_id: str) -> Flow[None]:
    """Confirm that the app deleted what it read under a consent. Protocol 16.3."""
    check_word("consent_id", consent_id, "the id of a consent, as `Webhook.consent_id`")
    yield from call_api(core, "POST", f"permission-access/consents/{quote(consent_id, safe='')}/deletion")


def portability_report(
    core: Core, holder: Holder, service_type: str, report_format: str, from_: int | None, to: int | None
) -> Flow[str]:
    """Get what the library holds of a service type, as one text. Protocol 12.3."""
    check_holder(holder)
    check_text("service_type", service_type, 'the reference of a service type, such as "spotify"')
    check_choice("format", report_format, FORMATS)
    optional(check_whole, "from_", from_, 0)
    optional(check_whole, "to", to, 0)
    given = {"format": report_format, "from": from_, "to": to}
    query = urlencode({name: value for name, value in given.items() if value is not None})
    path = f"export/{quote(service_type, safe='')}/report?{query}"

    def call(access_token: str) -> Flow[Response]:
        request = signed_request(core, "GET", path, route="export/{service_type}/report", access_token=access_token)
        return send(replace(request, limit=MAX_REPORT_BYTES), core.configuration.retries)

    response = yield from as_user(holder, call)
    try:
        return response.body.decode()
    except UnicodeDecodeError as error:
        raise InvalidAnswer("The report is not text in UTF-8") from error
