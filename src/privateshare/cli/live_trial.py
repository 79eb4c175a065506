"""The sign-in of `privateshare source test NAME --live`: in the browser of the person at this terminal."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import typer

from privateshare.errors import ConfigurationError, NetworkError, PrivateShareError, printable
from privateshare.protocol.pkce import new_verifier
from privateshare.sdk.loopback import LoopbackServer
from privateshare.sources import oauth
from privateshare.sources.configuration import settings_of_source
from privateshare.sources.contract import (
    AskingSource,
    Connection,
    JsonObject,
    NeedsLogin,
    RegisteringSource,
    SignIn,
    SignInSource,
    Source,
    SourceFailure,
    TryLater,
)

SIGN_IN_SECONDS = 600.0
MAX_DETAIL_CHARACTERS = 200
CLIENT_ERRORS = {"invalid_client", "unauthorized_client", "incorrect_client_credentials"}


def show_address(address: str) -> None:
    """Show the address of the provider's page on standard error."""
    typer.echo(f"Open this page, and sign in: {address}", err=True)


def signed_in(source: Source, callback: str, show: Callable[[str], object] = show_address) -> Connection:
    """Let the person at this terminal sign in at a source, with a server on this machine as the redirect address.

    They type first what the source asks for. A password is not shown.

    Args:
        source: The source.
        callback: The redirect address.
        show: Shows the address of the provider's page.

    Raises:
        ConfigurationError: Nobody can sign in at this source, or the provider does not accept the settings.
        SourceFailure: The source does not respond, or does not accept what was typed.
    """
    if not isinstance(source, SignInSource | AskingSource):
        raise ConfigurationError(
            "nobody can sign in at this source here",
            hint="Give a file with --file, or set what `privateshare source show` lists as its settings",
        )
    answers = {
        asked.name: typer.prompt(asked.label, hide_input=asked.kind == "password", err=True)
        for asked in source.info.asks
    }
    if not isinstance(source, SignInSource):
        return Connection(token=source.prepare(answers, ""))
    with LoopbackServer(callback) as server:
        known = source.prepare(answers, server.address) if isinstance(source, AskingSource) else {}
        if isinstance(source, RegisteringSource) and source.registers_at(known) is not None:
            known |= source.register(known, server.address)
        token = known | _token(source.sign_in(known), known, server, show)
    return Connection(token={name: value for name, value in token.items() if name != "refresh_token"})


def _token(sign_in: SignIn, known: JsonObject, server: LoopbackServer, show: Callable[[str], object]) -> JsonObject:
    verifier, state = new_verifier(), token_urlsafe(32)
    returned = server.returned(state)
    show(oauth.authorization_address(sign_in, server.address, state, verifier))
    query = {name: values[0] for name, values in parse_qs(urlsplit(_returned_to(returned, server)).query).items()}
    if sign_in.code_parameter not in query:
        raise _refused_at_page(sign_in, query)
    typer.echo("The provider sent you back with a code. It is exchanged for a token now.", err=True)
    token = oauth.exchange_code(sign_in, server.address, query[sign_in.code_parameter], verifier)
    missing = set(sign_in.scope.split()) - set(str(token.get("scope") or sign_in.scope).replace(",", " ").split())
    if missing:
        typer.echo(
            f"The provider did not grant these parts of the scope: {printable(' '.join(sorted(missing)))}. "
            "What needs them is not fetched.",
            err=True,
        )
    typer.echo("You are signed in. Everything is fetched twice now.", err=True)
    return oauth.merged(known, token)


def _returned_to(returned: "Future[str]", server: LoopbackServer) -> str:
    try:
        return returned.result(SIGN_IN_SECONDS)
    except TimeoutError:
        raise ConfigurationError(
            f"nobody came back from the page of the provider within {SIGN_IN_SECONDS:.0f} seconds",
            hint="If the page showed an error, compare the client id, and the redirect address that is registered at "
            f"the provider, which must be {server.address} (--callback changes it)",
        ) from None


def _refused_at_page(sign_in: SignIn, query: Mapping[str, str]) -> PrivateShareError:
    """Build the error for a redirect without a code. RFC 6749 4.1.2.1."""
    code = query.get("error", "no code and no error")
    hints = {
        "access_denied": "Sign in again, and agree, or ask the provider why your account may not use this client",
        "invalid_scope": f"The scope is {sign_in.scope!r}. Correct it in `sign_in` of the source, or allow it for the "
        "client at the provider",
    }
    hint = hints.get(code, "Compare the settings of the client at the provider with those of the source")
    return ConfigurationError(
        f"the provider refused the sign-in: {_detail(code, query.get('error_description', ''))}", hint=hint
    )


@contextmanager
def explained_failures(source: Source) -> Iterator[None]:
    """Convert the failures of a source to errors that tell its author what happened, and what to do.

    Raises:
        ConfigurationError: The provider does not accept the client, the scope or the token.
        NetworkError: It does not respond, or limits requests.
    """
    try:
        yield
    except TryLater as failure:
        raise _unavailable(failure) from failure
    except NeedsLogin as failure:
        raise ConfigurationError(
            f"{failure}{_cause(failure)}",
            hint="Sign in again. If that does not help, the scope does not allow the request, or the header with the "
            "token has another form than the API wants (`rules`)",
        ) from failure
    except SourceFailure as failure:
        # The second sentence is for people who connect the source: they can only try again, or choose another one.
        said = str(failure).partition(". ")[0].rstrip(".")
        raise ConfigurationError(f"{said}{_cause(failure)}", hint=_hint(source, failure)) from None


def _unavailable(failure: TryLater) -> NetworkError:
    if failure.limited:
        return NetworkError(
            "the source limits requests",
            retry_after=failure.retry_after,
            hint=f"Try again in {failure.retry_after} seconds. If this happens each time, declare what the API allows "
            "in `limits` of the source",
        )
    return NetworkError(
        f"{failure}{_cause(failure)}",
        retry_after=failure.retry_after,
        hint="Check the network, the proxy (HTTPS_PROXY), and the addresses in the source",
    )


def _hint(source: Source, failure: SourceFailure) -> str:
    code = str(getattr(failure.__cause__, "error", ""))
    if code in CLIENT_ERRORS:
        tables = [f"[sources.{name}]" for name, _ in settings_of_source(source.info.id)]
        where = f" in {tables[0]}" if tables else ""
        return f"The provider does not know this client, or its secret. Compare client_id and client_secret{where}"
    if code == "invalid_scope":
        return "Correct the scope in `sign_in` of the source, or allow it for the client at the provider"
    return "Compare the addresses, and how the client proves itself, with the description of the API"


def _cause(failure: SourceFailure) -> str:
    """Return what the server answered, or why it could not be reached, in brackets. It holds no token."""
    cause: Any = failure.__cause__
    if cause is None:
        return ""
    if isinstance(cause, httpx2.HTTPStatusError):
        address = urlsplit(str(cause.request.url))
        return f" (status {cause.response.status_code} from {address.netloc}{address.path})"
    if hasattr(cause, "error"):  # An error response of OAuth.
        return f" ({_detail(str(cause.error), str(getattr(cause, 'description', '') or ''))})"
    if isinstance(cause, KeyError):
        return f" (the response has no {_detail(str(cause.args[0]), '')})"
    return f" ({type(cause).__name__}: {_detail(str(cause), '')})"


def _detail(code: str, description: str) -> str:
    text = f"{code}: {description}" if description else code
    return printable(text[:MAX_DETAIL_CHARACTERS])
