"""The consent pages as an app sees them: how they begin, where they are, what a person comes back with. Protocol 8."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

from privateshare.errors import AuthorizationFailed

if TYPE_CHECKING:
    from privateshare.protocol.messages import Session

_ERROR_CODE = re.compile(r"[A-Za-z_]{1,64}")


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

    `service_id`: skip the picker. `sample_data_set`: with that sample. `sample_data_auto_onboard`: no pages at all,
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
    """What the address says that a person came back to. Protocol 8.3.

    Raises AuthorizationFailed if they declined or something failed, or if `state` is not the one that was sent.
    """
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    if state is not None and query.get("state") != state:
        raise AuthorizationFailed("INVALID_STATE", "the state is not the one this app sent: not its own request")
    if query.get("success") == "false" or "errorCode" in query:
        code = query.get("errorCode", "")  # which may be shown on a page: a word, and nothing else
        raise AuthorizationFailed(code if _ERROR_CODE.fullmatch(code) else "SERVER_ERROR")
    return Returned(query.get("state"), query.get("code", ""), query.get("accountReference"))
