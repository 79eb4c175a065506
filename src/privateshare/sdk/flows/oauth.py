"""Asking for consent and getting tokens. Protocol 4, 8."""

import json
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from privateshare.errors import AuthorizationFailed
from privateshare.protocol import pkce
from privateshare.protocol.messages import Session, SessionOptions
from privateshare.sdk.configuration import Configuration
from privateshare.sdk.flow import Flow
from privateshare.sdk.flows.calls import Keys, called, read_as, signed_claims, text_of, told
from privateshare.sdk.tokens import UserAccessToken
from privateshare.version import VERSION

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
    """What a person came back with: `code` for a first grant, `account_reference` if they connected a source."""

    state: str | None
    code: str | None = field(default=None, repr=False)
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


def authorize(
    configuration: Configuration,
    keys: Keys,
    redirect_uri: str,
    state: str,
    options: PageOptions,
    session_options: SessionOptions,
    linked: str | None,
) -> Flow[AuthorizeUrl]:
    """A pre-authorization, and the consent page's address made of it. Protocol 4.1."""
    verifier = pkce.new_verifier()
    claims: dict[str, Any] = {
        "code_challenge": pkce.challenge(verifier),
        "code_challenge_method": "S256",
        "redirect_uri": redirect_uri,
        "response_mode": "query",
        "response_type": "code",
        "state": state,
        "access_token": linked,
    }
    response = yield from called(configuration, "POST", "oauth/authorize", agent_body(session_options), **claims)
    answer = told(response)
    signed = yield from signed_claims(configuration, keys, answer)
    code = text_of(signed, "preauthorization_code")
    url = page_url(configuration, "authorize", code, options)
    return AuthorizeUrl(url, verifier, state, read_as(Session, answer.get("session")))


def exchange_code(configuration: Configuration, keys: Keys, code: str, verifier: str) -> Flow[UserAccessToken]:
    """The tokens of a code. Protocol 4.2."""
    return (yield from _tokens(configuration, keys, grant_type="authorization_code", code=code, code_verifier=verifier))


def refresh(configuration: Configuration, keys: Keys, token: UserAccessToken) -> Flow[UserAccessToken]:
    """A new pair of tokens. Protocol 4.3."""
    value = token.refresh_token.value
    return (yield from _tokens(configuration, keys, grant_type="refresh_token", refresh_token=value))


def _tokens(configuration: Configuration, keys: Keys, **claims: Any) -> Flow[UserAccessToken]:
    response = yield from called(configuration, "POST", "oauth/token", **claims)
    return UserAccessToken.from_claims((yield from signed_claims(configuration, keys, told(response))))


def page_url(configuration: Configuration, page: str, code: str, options: PageOptions, **more: str) -> str:
    """The address of a consent page. Protocol 8.1, 8.2."""
    return f"{configuration.onboard}{page}?{urlencode({'code': code, **options.to_query(), **more})}"


def agent_body(options: SessionOptions) -> dict[str, Any]:
    """The body of 4.1 and 4.4."""
    agent = {"sdk": {"name": "privateshare-python", "version": VERSION, "meta": {"python": platform.python_version()}}}
    pull = options.to_wire()
    return {"agent": agent, "actions": {"pull": pull}} if pull else {"agent": agent}


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
    return Returned(query.get("state"), query.get("code"), query.get("accountReference"))
