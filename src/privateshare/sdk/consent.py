"""The consent pages as an app sees them: how they start, their address, and how a person comes back. Protocol 8."""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit

from privateshare.errors import (
    AuthorizationFailed,
    ConfigurationError,
    ConsentDeclined,
    ConsentLinkInvalid,
    ConsentPageFailed,
    SourceNotConnected,
    UnexpectedReturn,
)
from privateshare.sdk.arguments import (
    check_choice,
    check_flag,
    check_kind,
    check_text,
    check_whole,
    optional,
    wrong_argument,
)
from privateshare.sdk.lazy import LazyModule

if TYPE_CHECKING:
    from privateshare.protocol import messages
else:
    messages = LazyModule("privateshare.protocol.messages")

INVALID_STATE = "INVALID_STATE"
SERVER_ERROR = "SERVER_ERROR"
MAX_PARAMETERS = 100
SOURCE_TYPES = ("pull", "push")

_LOCALE = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,3}")
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
    """The address where you send a person, and what you keep until they come back.

    `code_verifier` is for `exchange_code_for_token`, `state` for `read_return`, and `session` can be read once the
    person has agreed. `callback` is where they come back to.
    """

    url: str = field(repr=False)
    code_verifier: str = field(repr=False)
    state: str
    session: messages.Session
    callback: str = ""


@dataclass(frozen=True, slots=True)
class PageUrl:
    """The address where you send a person who has consented before, and the session to read once they are back.

    `state` is for `read_return`, and `callback` is where they come back to.
    """

    url: str = field(repr=False)
    session: messages.Session
    state: str = ""
    callback: str = ""


@dataclass(frozen=True, slots=True)
class Returned:
    """What a person came back with.

    `code` is for `exchange_code_for_token`, and "" if there is no new grant. `account_reference` is the account that
    the person connected, if they connected one.
    """

    state: str | None
    code: str = field(default="", repr=False)
    account_reference: str | None = None


@dataclass(frozen=True, slots=True)
class SampleDataOptions:
    """Sample data in place of a person's own. Protocol 8.2, 12.2.

    Args:
        data_set: The id of the data set, as in `get_service_sample_data_sets`.
        auto_onboard: Whether the person is asked nothing: the pages connect the data set and agree by themselves.

    Raises:
        ConfigurationError: An argument is wrong.
    """

    data_set: str
    auto_onboard: bool = False

    def __post_init__(self) -> None:
        check_text("data_set", self.data_set, "the id of a sample data set")
        check_flag("auto_onboard", self.auto_onboard)


@dataclass(frozen=True, slots=True)
class PageOptions:
    """How the consent pages start, for several calls: each call takes the same options as keywords. Protocol 8.2.

    Args:
        service_id: The source to connect, as in `Service.id`. The person then does not pick one.
        sample_data_set: The sample data set that the source has.
        sample_data_auto_onboard: Whether a source with sample data is connected without a page to fill in.
        include_sample_data_only_sources: Whether to offer sources that have sample data only.
        locale: The language of the pages, such as "de".
        source_type: The type of the sources to offer: "pull" to read from, which is the default, or "push" to send to.
        trigger_query: Whether the platform starts to fetch once a source is connected.
        sources_scope: Which sources to offer: `{"dataType": ["vaccinations"], "organizationType": "…"}`.
        storage_ref: The reference of a storage that will belong to the person, from `get_storage_reference`.

    Raises:
        ConfigurationError: An option is wrong. The message names it.
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

    def __post_init__(self) -> None:
        optional(check_whole, "service_id", self.service_id, 1)
        for name in ("sample_data_set", "storage_ref"):
            optional(check_text, name, getattr(self, name))
        for name in ("sample_data_auto_onboard", "include_sample_data_only_sources"):
            check_flag(name, getattr(self, name))
        optional(check_flag, "trigger_query", self.trigger_query)
        optional(check_choice, "source_type", self.source_type, SOURCE_TYPES)
        if self.sample_data_auto_onboard and self.sample_data_set is None:
            raise ConfigurationError("sample_data_auto_onboard needs a sample_data_set")
        if self.locale is not None and not (isinstance(self.locale, str) and _LOCALE.fullmatch(self.locale)):
            raise ConfigurationError('locale must be a language such as "de" or "pt-BR"')
        _check_sources_scope(self.sources_scope)

    def to_query(self) -> dict[str, str]:
        """Return the options as query parameters of a consent page."""
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


def page_options(
    options: PageOptions | None,
    *,
    sample_data: SampleDataOptions | str | None = None,
    include_sample_data_only_sources: bool = False,
    **keywords: Any,
) -> PageOptions:
    """Return the options of a page: the keywords of a call, and for those that it has not, `options`.

    Raises:
        ConfigurationError: An option is wrong.
    """
    if not isinstance(options, PageOptions | None):
        raise wrong_argument("options", "PageOptions(…)", options)
    check_flag("include_sample_data_only_sources", include_sample_data_only_sources)
    given = {name: value for name, value in keywords.items() if value is not None}
    if include_sample_data_only_sources:
        given["include_sample_data_only_sources"] = True
    if sample_data is not None:
        if isinstance(sample_data, str):
            sample_data = SampleDataOptions(sample_data)
        check_kind("sample_data", sample_data, SampleDataOptions, "the id of a data set, or SampleDataOptions(…)")
        given |= {"sample_data_set": sample_data.data_set, "sample_data_auto_onboard": sample_data.auto_onboard}
    return replace(options or PageOptions(), **given)


def _check_sources_scope(scope: object) -> None:
    if scope is None:
        return
    if not isinstance(scope, Mapping):
        raise wrong_argument("sources_scope", 'a mapping such as {"dataType": ["vaccinations"]}', scope)
    if unknown := [str(name) for name in scope if name not in ("dataType", "organizationType")]:
        raise ConfigurationError(f"sources_scope has no {unknown[0]}: it has dataType and organizationType")
    types, organization = scope.get("dataType", ()), scope.get("organizationType")
    if not isinstance(types, list | tuple) or not all(isinstance(name, str) and name for name in types):
        raise ConfigurationError('dataType in sources_scope must be a list of names, such as ["vaccinations"]')
    optional(check_text, "organizationType in sources_scope", organization)


def new_state() -> str:
    """Make a state that nobody can guess."""
    return secrets.token_urlsafe(24)


def read_return(url: str, state: str | None) -> Returned:
    """Read the address that a person came back to. Protocol 8.3, and 7.4 for the page `revoke`.

    Raises:
        AuthorizationFailed: The person did not agree, see `authorization_error`; or it is UnexpectedReturn, for an
            address that does not belong to the request with this `state`.
    """
    check_kind("url", url, str, "the address that the person came back to")
    optional(check_text, "state", state, "the state of the request, such as AuthorizeUrl.state")
    parameters = _parameters(url)
    if state is not None and not hmac.compare_digest(parameters.get("state", "").encode(), state.encode()):
        raise UnexpectedReturn(INVALID_STATE, "The state is not the one that this app sent")
    if "errorCode" in parameters or parameters.get("success", "true") != "true" or parameters.get("result") == "failed":
        raise authorization_error(parameters.get("errorCode", ""))
    if not parameters.keys() & {"success", "code", "accountReference", "result"}:
        raise UnexpectedReturn(INVALID_STATE, "The address says neither that the person agreed nor that they did not")
    return Returned(parameters.get("state"), parameters.get("code", ""), parameters.get("accountReference"))


def authorization_error(code: str) -> AuthorizationFailed:
    """Build the error of an `errorCode` of protocol 8.3.

    Apps show the code on pages, so anything but a plain word becomes SERVER_ERROR. A code that is not known here is a
    failure and not the person's decision, because only USER_CANCEL says that they declined.
    """
    plain = code if _ERROR_CODE.fullmatch(code) else SERVER_ERROR
    return _ERRORS.get(plain, ConsentPageFailed)(plain)


def _parameters(url: str) -> dict[str, str]:
    """Return the parameters of protocol 8.3 by name. Raise UnexpectedReturn if the address repeats one of them."""
    try:
        query = parse_qsl(urlsplit(url).query, max_num_fields=MAX_PARAMETERS)
    except ValueError as error:
        raise UnexpectedReturn(INVALID_STATE, "The address cannot be parsed") from error
    ours = [(name, value) for name, value in query if name in _PARAMETERS]
    parameters = dict(ours)
    if len(parameters) < len(ours):  # One value may be the platform's and the other an attacker's (RFC 6749 3.1).
        raise UnexpectedReturn(INVALID_STATE, "The address has a parameter of the protocol twice")
    return parameters
