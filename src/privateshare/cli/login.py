"""`privateshare login`: asking for consent in the browser, and receiving the redirect on this machine."""

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from privateshare.cli.output import AsJson, show
from privateshare.errors import ConfigurationError
from privateshare.sdk.concurrency.on_threads import outcome_within
from privateshare.sdk.defaults import DEFAULT_BASE_URL
from privateshare.sdk.loopback import WAIT_SECONDS, LoopbackServer, did_not_return

if TYPE_CHECKING:
    from collections.abc import Sequence

    from privateshare import Account, UserAccessToken
    from privateshare.cli.profiles import AppProfile

ProfileName = Annotated[
    str,
    typer.Option(
        "--profile",
        help="The profile (a contract and a person) to use, if there are several.",
        envvar="PRIVATESHARE_PROFILE",
        show_envvar=True,
    ),
]


ReturnPath = Annotated[str, typer.Option("--path", help="The path of the contract's loopback redirect URI.")]
OpenBrowser = Annotated[
    bool, typer.Option("--browser/--no-browser", help="Open the page in the browser, or only print its address.")
]


def login(
    app: Annotated[str | None, typer.Option(help="The application's id; required for a new profile.")] = None,
    contract: Annotated[str | None, typer.Option(help="The contract's id; required for a new profile.")] = None,
    key: Annotated[
        Path | None, typer.Option(help="The file with the contract's private key; required for a new profile.")
    ] = None,
    base_url: Annotated[str, typer.Option(help="The address of the platform's API.")] = DEFAULT_BASE_URL,
    path: ReturnPath = "/return",
    browser: OpenBrowser = True,
    renew: Annotated[
        bool, typer.Option("--renew", help="Renew the sign-in of the same person, also after it has expired.")
    ] = False,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Replace the person of this profile. Their data can then be neither read nor revoked here.",
        ),
    ] = False,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Ask for consent: open the consent page, wait for the person to finish, and store their token."""
    from privateshare.cli.profiles import AppProfile, find_profile, load_profile, save_profile

    if renew and (replace or app or contract or key):
        raise ConfigurationError("--renew keeps the profile's person and contract, so it takes no other of them")
    if not renew:
        _check_replaceable(profile, find_profile(profile), replace=replace)
    if app and contract and key:
        chosen = AppProfile(app, contract, str(key.absolute()), base_url)
    elif app or contract or key:
        raise ConfigurationError("a new profile needs --app, --contract and --key")
    else:
        chosen = load_profile(profile)
    token = _consented(chosen, profile, path, renew=renew, browser=browser, as_json=as_json)
    if renew and token.user_id != chosen.user_token().user_id:
        raise ConfigurationError(
            f"another person signed in: {token.user_id}. The profile {profile} was not changed",
            hint="For another person, use another profile: --profile NAME",
        )
    save_profile(profile, chosen.with_token(token).with_folders(chosen.folders if renew else ()))
    if as_json:
        show({"profile": profile, "user_id": token.user_id, "consent_id": token.consent_id}, as_json)
    else:
        typer.echo(f"Signed in as {token.user_id}. Next, run: privateshare read --into data")


def connect(
    account: Annotated[
        str | None,
        typer.Option(help="The account to sign in to again, by its id, as `privateshare accounts` shows it."),
    ] = None,
    source: Annotated[
        int | None, typer.Option(help="The source to connect, by its id, as `privateshare sources` shows it.")
    ] = None,
    path: ReturnPath = "/return",
    browser: OpenBrowser = True,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Connect one more source of the same person, or sign in to one again."""
    from privateshare.cli.profiles import signed_in
    from privateshare.sdk.consent import new_state

    if account is not None and source is not None:
        raise ConfigurationError("--account is of a source that is connected already, so --source is not needed")
    state = new_state()
    with _server(path) as server, signed_in(profile) as (client, person):
        if account is not None:
            _check_account(client.read_accounts(person), account)
            page = client.get_reauthorize_account_url(person, server.address, account, state=state)
        else:
            page = client.get_onboard_service_url(person, server.address, state=state, service_id=source)
        _open(page.url, browser=browser, as_json=as_json)
        returned = client.read_return(_address_of_return(server, state), state=state)
        connected = [found for found in client.read_accounts(person) if found.reference == returned.account_reference]
    names = {"account_id": connected[0].id, "source": connected[0].service_type_name} if connected else {}
    if as_json:
        show({"profile": profile, **names}, as_json)
    else:
        what = names.get("source", "the source")
        typer.echo(f"Connected {what}. Next, run: privateshare read --into data")


def _check_account(accounts: "Sequence[Account]", account_id: str) -> None:
    """Raise ConfigurationError if the person has no such account, since the page could not connect it again."""
    known = [account.id for account in accounts]
    if account_id not in known:
        raise ConfigurationError(f"there is no account {account_id}; there are: {', '.join(known) or 'none'}")


def _check_replaceable(name: str, old: "AppProfile | None", *, replace: bool) -> None:
    """Raise ConfigurationError if a sign-in would be lost with which data can still be read and revoked."""
    if old is not None and old.token is not None and not replace:
        raise ConfigurationError(
            f"the profile {name} is signed in as {old.user_token().user_id}, whose data could then be neither read nor "
            "revoked here",
            hint="For one more source, run: privateshare connect. To renew the sign-in: privateshare login --renew. "
            "For another person, add --profile NAME. To end this one: privateshare revoke, or --replace",
        )


def _consented(
    chosen: "AppProfile", name: str, path: str, *, renew: bool, browser: bool, as_json: bool
) -> "UserAccessToken":
    """Return the token of a person who consents now, or with `renew` of one who renews their sign-in."""
    from privateshare.cli.profiles import open_client

    with _server(path) as server, open_client(chosen) as client:
        if renew:
            chosen.user_token()
            page = client.get_reauthorize_url(client.user(name), server.address)
        else:
            page = client.get_authorize_url(server.address)
        _open(page.url, browser=browser, as_json=as_json)
        returned = client.read_return(_address_of_return(server, page.state), state=page.state)
        return client.exchange_code_for_token(returned.code, page.code_verifier)


def _open(url: str, *, browser: bool, as_json: bool) -> None:
    typer.echo(f"The consent page: {url}", err=as_json)
    if browser:
        webbrowser.open(url)


def _server(path: str) -> LoopbackServer:
    return LoopbackServer(f"http://127.0.0.1:0/{path.removeprefix('/')}")


def _address_of_return(server: LoopbackServer, state: str) -> str:
    """Wait for the person, and return the address that they came back to. Raise AuthorizationFailed after a while."""
    try:
        return outcome_within(server.returned(state), WAIT_SECONDS)
    except TimeoutError as error:
        raise did_not_return(WAIT_SECONDS) from error
