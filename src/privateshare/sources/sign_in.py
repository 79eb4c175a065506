"""The parameters of a sign-in at a source."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from privateshare.sources.failures import Broken as Broken
from privateshare.sources.failures import ClientForgotten as ClientForgotten
from privateshare.sources.failures import NeedsLogin as NeedsLogin
from privateshare.sources.failures import SourceFailure as SourceFailure
from privateshare.sources.failures import TryLater as TryLater
from privateshare.sources.page import JsonObject


class OwnSignIn(Protocol):
    """A sign-in in a form of the source's own, which is older than OAuth."""

    def start(self, redirect_uri: str, state: str) -> str:
        """Return the address of the sign-in page. It must return the state with the redirect."""

    def exchange(self, code: str) -> JsonObject:
        """Return the token for what the redirect brought: an `access_token`, and what else is to be stored.

        Raises NeedsLogin, TryLater, Broken, ValueError if the response cannot be used, or an error of the HTTP client.
        """


@dataclass(frozen=True, slots=True)
class ClientAssertion:
    """How the platform signs the JWT of `private_key_jwt` with an elliptic key (ES256).

    Attributes:
        audience: The server for which the JWT is, if that is not the address of the token endpoint.
        key_id: The id of the key in the key set that the platform publishes.
    """

    audience: str
    key_id: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """The parameters of a sign-in with OAuth 2, authorization code and PKCE (RFC 6749, 7636).

    Attributes:
        extra: Further parameters of the authorization request, such as SMART's `aud`.
        issuer: Is compared with the issuer in the callback, if that names one (RFC 9207).
        revocation_endpoint: The endpoint at which tokens are revoked, if there is one (RFC 7009).
        client_authentication: How the platform proves itself at the token endpoint.
        private_key: The key of `private_key_jwt`, as PEM (RFC 7523).
        pushed_authorization_endpoint: Where the parameters of the authorization request are sent first, if the source
            offers that, so that the browser carries none of them (RFC 9126).
        scope_separator: What separates the parts of the scope, for sources that do not use spaces.
        token_parameters: Further parameters of token requests, for sources that need them.
        read_token_response: Converts a token response to one of RFC 6749, for sources that use another form.
        named_by_person: Whether a person typed the address of the server, so that only public servers are allowed.
        own: A sign-in in a form of the source's own, in place of OAuth.
        code_parameter: What the redirect calls the code.
        assertion: How JWTs of `private_key_jwt` are signed with an elliptic key.
        dpop_key: The private key, as a JWK, of which each request proves the possession (RFC 9449).
        names_issuer: Whether the redirect must name the issuer, so that one without it is refused (RFC 9207).
    """

    authorization_endpoint: str
    token_endpoint: str
    client_id: str
    scope: str
    client_secret: str | None = field(default=None, repr=False)
    revocation_endpoint: str | None = None
    issuer: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    client_authentication: Literal["client_secret_basic", "client_secret_post", "private_key_jwt"] = (
        "client_secret_basic"
    )
    private_key: str | None = field(default=None, repr=False)
    pushed_authorization_endpoint: str | None = None
    scope_separator: str = " "
    token_parameters: Mapping[str, str] = field(default_factory=dict)
    read_token_response: Callable[[JsonObject], JsonObject] | None = None
    named_by_person: bool = False
    own: OwnSignIn | None = None
    code_parameter: str = "code"
    assertion: ClientAssertion | None = None
    dpop_key: JsonObject | None = field(default=None, repr=False)
    names_issuer: bool = False
