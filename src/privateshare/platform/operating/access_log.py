"""The access log: one line for each request, without data about people.

It has the form of the other lines of the log, but is written directly: the way through the two logging libraries takes
as long as a statement in the database.
"""

import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

import orjson
from starlette.types import Scope

from privateshare.platform.operating.client_addresses import client_host, shown_address
from privateshare.platform.operating.settings import Settings

LEVEL, EVENT = "info", "call"


def note_contract(scope: Scope, contract_id: str, application_id: str) -> None:
    """Note which contract sent a request, for its line in the log. Call this once the contract has proved itself."""
    scope.setdefault("state", {}).update(contract_id=contract_id, application_id=application_id)


class AccessLog:
    """Writes the lines of requests to standard error, in the format and from the level of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._address_form = settings.log_addresses
        self._is_on = settings.log_level in ("debug", LEVEL)
        self._format = _json_line if settings.log_format == "json" else _text_line

    def write(self, scope: Scope, route: str, status: int, seconds: float) -> None:
        """Write the line of a request. `route` is the pattern of its path, since paths contain session keys."""
        if not self._is_on:
            return
        state = scope.get("state", {})
        facts = {
            "address": shown_address(client_host(scope), self._address_form),
            "application": state.get("application_id"),
            "contract": state.get("contract_id"),
            "method": scope["method"],
            "milliseconds": round(seconds * 1000),
            "request_id": state.get("request_id"),
            "route": route,
            "status": status,
        }
        line = self._format({name: value for name, value in facts.items() if value is not None})
        with suppress(OSError, ValueError):  # A log that cannot be written must not make a request fail.
            sys.stderr.write(f"{line}\n")


def _json_line(facts: Mapping[str, object]) -> str:
    return orjson.dumps({**facts, "event": EVENT, "level": LEVEL, "logger": __name__, "timestamp": _now()}).decode()


def _text_line(facts: Mapping[str, object]) -> str:
    return f"{_now()} [{LEVEL:9}] {EVENT} [{__name__}] " + " ".join(f"{name}={value}" for name, value in facts.items())


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")
