"""The access log: one line for each request, without data about people."""

import structlog
from starlette.types import Scope

from privateshare.platform.operating.client_addresses import AddressForm, client_host, shown_address

log = structlog.get_logger()


def note_contract(scope: Scope, contract_id: str, application_id: str) -> None:
    """Note which contract sent a request, for its line in the log. Call this once the contract has proved itself."""
    scope.setdefault("state", {}).update(contract_id=contract_id, application_id=application_id)


def log_request(scope: Scope, route: str, status: int, seconds: float, form: AddressForm) -> None:
    """Write the line of a request. `route` is the pattern of its path, since paths contain session keys."""
    state = scope.get("state", {})
    facts = {
        "request_id": state.get("request_id"),
        "contract": state.get("contract_id"),
        "application": state.get("application_id"),
        "address": shown_address(client_host(scope), form),
    }
    log.info(
        "call",
        method=scope["method"],
        route=route,
        status=status,
        milliseconds=round(seconds * 1000),
        **{name: value for name, value in facts.items() if value is not None},
    )
