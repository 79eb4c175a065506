"""`privateshare login`: asking for consent in the browser, and receiving the redirect on this machine."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from privateshare.cli.output import AsJson, show
from privateshare.errors import ConfigurationError
from privateshare.sdk.concurrency.on_threads import outcome_within
from privateshare.sdk.defaults import DEFAULT_BASE_URL
from privateshare.sdk.loopback import WAIT_SECONDS, LoopbackServer, did_not_return

ProfileName = Annotated[
    str,
    typer.Option(
        "--profile",
        help="The profile (a contract and a person) to use, if there are several.",
        envvar="PRIVATESHARE_PROFILE",
        show_envvar=True,
    ),
]


def login(
    app: Annotated[str | None, typer.Option(help="The application's id; required for a new profile.")] = None,
    contract: Annotated[str | None, typer.Option(help="The contract's id; required for a new profile.")] = None,
    key: Annotated[
        Path | None, typer.Option(help="The file with the contract's private key; required for a new profile.")
    ] = None,
    base_url: Annotated[str, typer.Option(help="The address of the platform's API.")] = DEFAULT_BASE_URL,
    path: Annotated[str, typer.Option(help="The path of the contract's loopback redirect URI.")] = "/return",
    browser: Annotated[
        bool, typer.Option(help="Open the consent page in the browser, or only print its address.")
    ] = True,
    as_json: AsJson = False,
    profile: ProfileName = "default",
) -> None:
    """Ask for consent: open the consent page, wait for the person to finish, and store their token."""
    from privateshare.cli.profiles import Profile, load_profile, open_client, save_profile

    if app and contract and key:
        chosen = Profile(app, contract, str(key.absolute()), base_url)
    elif app or contract or key:
        raise ConfigurationError("a new profile needs --app, --contract and --key")
    else:
        chosen = load_profile(profile)
    with LoopbackServer(f"http://127.0.0.1:0/{path.removeprefix('/')}") as server, open_client(chosen) as client:
        consent = client.get_authorize_url(server.address)
        typer.echo(f"The consent page: {consent.url}", err=as_json)
        if browser:
            webbrowser.open(consent.url)
        returned = client.read_return(_address_of_return(server, consent.state), state=consent.state)
        token = client.exchange_code_for_token(returned.code, consent.code_verifier)
    save_profile(profile, chosen.with_token(token))
    if as_json:
        show({"profile": profile, "user_id": token.user_id, "consent_id": token.consent_id}, as_json)
    else:
        typer.echo(f"Signed in as {token.user_id}. Next, run: privateshare read --into data")


def _address_of_return(server: LoopbackServer, state: str) -> str:
    """Wait for the person, and return the address that they came back to. Raise AuthorizationFailed after a while."""
    try:
        return outcome_within(server.returned(state), WAIT_SECONDS)
    except TimeoutError as error:
        raise did_not_return(WAIT_SECONDS) from error
