"""The consent pages as an app sees them: how they begin, where they are, what a person comes back with. Protocol 8."""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

from privateshare.errors import (
    AuthorizationFailed,
    ConsentDeclined,
    ConsentLinkInvalid,
    ConsentPageFailed,
    SourceNotConnected,
    UnexpectedReturn,
)

if TYPE_CHECKING:
    from privateshare.protocol.messages import Session

INVALID_STATE = "INVALID_STATE"
SERVER_ERROR = "SERVER_ERROR"
MAX_PARAMETERS = 100

_ERROR_CODE = re.compile(r"[A-Za-z_]{1,64}")
_PARAMETERS = frozenset({"success", "code", "state", "accountReference", "errorCode", "result"})
_ERRORS: Mapping[str, type[AuthorizationFailed]] = {
    "USER_CANCEL": ConsentDeclined,
    "INITIALIZE_CHECK_FAIL": ConsentLinkInvalid,
    "INVALID_CODE": ConsentLinkInvalid,
    "ONBOARD_ERROR": SourceNotConnected,
    SERVER_ERROR: ConsentPageFailed,
    INVALID_STATE: UnexpectedReturn,
}


@dataclass(frozen=True, slots=True)
class AuthorizeUrl:
    """Where to send the person (`url`), and what to keep until they come back: verifier, state, session."""

    url: str = field(repr=False)
    code_verifier: str = field(repr=False)
    state: str
    session: Session


@dataclass(frozen=True, slots=True)
class PageUrl:
    """Where to send a person who consented before, and the session that can be read once they are back."""

    url: str = field(repr=False)
    session: Session


@dataclass(frozen=True, slots=True)
class Returned:
    """What a person came back with: `code` for a grant, else empty; `account_reference` if they connected a source."""

    state: str | None
    code: str = field(default="", repr=False)
    account_reference: str | None = None


@dataclass(frozen=True, slots=True)
class PageOptions:
    """How the consent pages begin. Protocol 8.2.

    `service_id`: skip the picker. `sample_data_set`: with that sample. `sample_data_auto_onboard`: no page to fill in,
    sample data only. `locale`: such as "de".
    """

    service_id: int | None = None
    sample_data_set: str | None = None
    sample_data_auto_onboard: bool = False
    include_sample_data_only_sources: bool = False
    locale: str | None = None
    source_type: str | None = None
    trigger_query: bool | None = None
    sources_scope: Mapping[str, Any] | None = None
    storage_ref: str | None = None

    def to_query(self) -> dict[str, str]:
        """The query parameters."""
        scope = quote(json.dumps(self.sources_scope)) if self.sources_scope else None
        values = {
            "service": self.service_id,
            "sampleDataSet": self.sample_data_set,
            "sampleDataAutoOnboard": "true" if self.sample_data_auto_onboard else None,
            "includeSampleDataOnlySources": "true" if self.include_sample_data_only_sources else None,
            "lng": self.locale,
            "sourceType": self.source_type,
            "triggerQuery": None if self.trigger_query is None else str(self.trigger_query).lower(),
            "sourcesScope": scope,
            "storageRef": self.storage_ref,
        }
        return {name: str(value) for name, value in values.items() if value is not None}


def new_state() -> str:
    """A state that nobody can guess."""
    return secrets.token_urlsafe(24)


def read_return(url: str, state: str | None) -> Returned:
    """Read the answer in the address that a person came back to. Protocol 8.3, and 7.4 for the page `revoke`.

    Raises an AuthorizationFailed: see `authorization_error`, and UnexpectedReturn for an address that is no answer to
    the request with this `state`.
    """
    answer = _answer(url)
    if state is not None and not hmac.compare_digest(answer.get("state", "").encode(), state.encode()):
        raise UnexpectedReturn(INVALID_STATE, "The state is not the one that this app sent")
    if "errorCode" in answer or answer.get("success", "true") != "true" or answer.get("result") == "failed":
        raise authorization_error(answer.get("errorCode", ""))
    if not answer.keys() & {"success", "code", "accountReference", "result"}:
        raise UnexpectedReturn(INVALID_STATE, "The address says neither that the person agreed nor that they did not")
    return Returned(answer.get("state"), answer.get("code", ""), answer.get("accountReference"))


def authorization_error(code: str) -> AuthorizationFailed:
    """Build the error of an `errorCode` of protocol 8.3.

    Apps show the code on pages, so anything but a plain word becomes SERVER_ERROR. A code that is not known here is a
    failure and not the person's decision, because only USER_CANCEL says that they declined.
    """
    plain = code if _ERROR_CODE.fullmatch(code) else SERVER_ERROR
    return _ERRORS.get(plain, ConsentPageFailed)(plain)


def _answer(url: str) -> dict[str, str]:
    """The parameters of protocol 8.3 by name. Raises UnexpectedReturn if the address repeats one of them."""
    try:
        query = parse_qsl(urlsplit(url).query, max_num_fields=MAX_PARAMETERS)
    except ValueError as error:
        raise UnexpectedReturn(INVALID_STATE, "The address cannot be read") from error
    ours = [(name, value) for name, value in query if name in _PARAMETERS]
    answer = dict(ours)
    if len(answer) < len(ours):  # One value may be the platform's and the other an attacker's (RFC 6749 3.1).
        raise UnexpectedReturn(INVALID_STATE, "The address has a parameter of the protocol twice")
    return answer
