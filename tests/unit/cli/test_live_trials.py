"""`privateshare source test NAME --live` at a local server in place of the provider's, and what can fail."""

from collections.abc import Iterator
from dataclasses import replace
from threading import Thread
from urllib.parse import urlencode

import httpx2
import pytest
from pydantic import SecretStr
from tests.apis.github import github
from typer.testing import CliRunner

from privateshare.cli import live_trial
from privateshare.cli.commands import tree
from privateshare.cli.live_trial import explained_failures, signed_in
from privateshare.cli.sources import find_source
from privateshare.errors import ConfigurationError, NetworkError
from privateshare.sources.configuration import read_tables
from privateshare.sources.contract import Broken, Connection
from privateshare.sources.failures import LeftOut
from privateshare.sources.github.configuration import Settings
from privateshare.sources.github.live import LiveGitHub
from privateshare.sources.local_servers import MovableSource, moved
from privateshare.sources.registry import Sources
from privateshare.sources.trial import try_source
from privateshare.testing.api_server import Answer, ApiServer, Call, running

CALLBACK = "http://127.0.0.1:0/apps/saas/connected"
AUTHORIZE = "/login/oauth/authorize"


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with running(github()) as started:
        yield started


def source_at(server: ApiServer, secret: str = "client-secret") -> MovableSource:
    return moved(LiveGitHub(Settings(client_id="client", client_secret=SecretStr(secret))), server.address)


def browse(address: str) -> None:
    """Open a page as the person at the terminal does."""
    Thread(target=lambda: httpx2.get(address, follow_redirects=True)).start()


def test_everything_is_fetched_from_a_local_server(server: ApiServer, capfd: pytest.CaptureFixture[str]) -> None:
    """The scope that the server grants is another one, which is said. No secret is printed."""
    source = source_at(server)
    server.api.scope = "all"
    connection = signed_in(source, CALLBACK, browse)
    counted = list[int]()
    found = try_source(source, lambda: replace(connection, left_out=LeftOut()), counted.append)
    assert found.faults == []
    assert found.left_out.read == max(counted)
    assert max(counted) == sum(report.objects for report in found.types) > 200
    told = capfd.readouterr().err
    assert "did not grant these parts of the scope: read:user" in told
    assert "You are signed in" in told
    assert "client-secret" not in told
    assert str((connection.token or {})["access_token"]) not in told


def test_a_wrong_secret_names_the_settings(server: ApiServer) -> None:
    source = source_at(server, "another-secret")
    with (
        pytest.raises(
            ConfigurationError, match=r"invalid_client.*client_id and client_secret in \[sources\.github\]"
        ) as told,
        explained_failures(source),
    ):
        signed_in(source, CALLBACK, browse)
    assert "another-secret" not in str(told.value)


@pytest.mark.parametrize(
    ("error", "what_to_do"),
    [
        ("access_denied", "Sign in again, and agree"),
        ("invalid_scope", "The scope is 'read:user'. Correct it"),
        ("unauthorized_client", "Compare the settings of the client"),
    ],
)
def test_a_refusal_of_the_provider_says_what_to_do(server: ApiServer, error: str, what_to_do: str) -> None:
    def refuse(_: ApiServer, call: Call) -> Answer:
        query = {"error": error, "error_description": "No.\x1b[31m", "state": call.query["state"]}
        return 302, {"Location": f"{call.query['redirect_uri']}?{urlencode(query)}"}, {}

    server.api.opened[AUTHORIZE] = refuse
    with pytest.raises(ConfigurationError, match=f"refused the sign-in: {error}: No") as told:
        signed_in(source_at(server), CALLBACK, browse)
    assert what_to_do in str(told.value)
    assert "\x1b" not in str(told.value)


def test_a_page_that_leads_nowhere_is_not_waited_for_without_end(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_trial, "SIGN_IN_SECONDS", 0.05)
    with pytest.raises(ConfigurationError, match=r"nobody came back.*redirect address.*http://127\.0\.0\.1:\d+/apps"):
        signed_in(source_at(server), CALLBACK, lambda _: None)


def test_a_limit_of_requests_says_how_long_to_wait(server: ApiServer) -> None:
    source = source_at(server)
    connection = signed_in(source, CALLBACK, browse)
    server.fail("/user", (429, {"Retry-After": "17"}, {}))
    with pytest.raises(NetworkError, match=r"limits requests.*in 17 seconds") as told, explained_failures(source):
        source.identify(connection)
    assert told.value.retry_after == 17


def test_a_scope_that_is_too_small_is_a_fault_of_one_type(server: ApiServer) -> None:
    source = source_at(server)
    connection = signed_in(source, CALLBACK, browse)
    server.fail("/issues", (403, {}, {}), times=2)
    (fault,) = try_source(source, lambda: connection).faults
    assert "object type 2 was skipped" in fault
    assert "(HTTP status 403) (SourceRefused). The scope that was granted may not allow it" in fault


def test_a_server_that_is_not_there_is_told_with_the_reason() -> None:
    with running(github()) as server:
        source = source_at(server)
    with (
        pytest.raises(NetworkError, match=r"does not respond \(ConnectError: .*HTTPS_PROXY"),
        explained_failures(source),
    ):
        source.identify(Connection(token={"access_token": "x"}))


def test_an_owner_without_an_id_is_told_with_the_field(server: ApiServer) -> None:
    source = source_at(server)
    connection = signed_in(source, CALLBACK, browse)
    server.api.answers["/user"] = {"name": "Ann"}
    with pytest.raises(ConfigurationError, match=r"the response has no id"), explained_failures(source):
        source.identify(connection)


@pytest.mark.parametrize(
    "address",
    [
        "https://api.example",
        "http://10.0.0.1:80",
        "http://127.0.0.1.example:80",
        "http://127.0.0.1:80/x",
        "file:///x",
        "",
    ],
)
def test_the_secret_goes_to_no_other_machine(address: str) -> None:
    """And an address with a path would not be used as it is written."""
    with pytest.raises(ConfigurationError, match="only at a server of this machine"):
        moved(LiveGitHub(Settings(client_id="client")), address)


def test_every_address_of_a_source_is_moved() -> None:
    """None of its requests goes to the provider with the secret."""
    names = ("github", "lastfm", "oura", "reddit", "spotify", "strava", "withings")
    tables = {name: {"client_id": "c", "client_secret": "s"} for name in names}
    tables["oura"] |= {"authorization_endpoint": "https://a.example/a?x=1", "token_endpoint": "https://b.example/t"}
    count, address = 0, "http://127.0.0.1:9"
    for source in Sources((), read_tables(tables)).connectable.values():
        try:
            sign_in = moved(source, address).sign_in({})
        except ConfigurationError:
            continue
        count += 1
        used = [sign_in.authorization_endpoint, sign_in.token_endpoint, sign_in.revocation_endpoint or address]
        if sign_in.own is not None:
            with pytest.raises(httpx2.ConnectError):
                sign_in.own.exchange("code")
        else:
            assert all(one.startswith(f"{address}/") or one == address for one in used), used
    assert count == len(names)


@pytest.mark.parametrize("name", ["mastodon", "mail_file", "netflix"])
def test_a_source_without_a_fixed_server_says_what_to_do(name: str) -> None:
    source = find_source(Sources(), name)
    with pytest.raises(ConfigurationError, match=r"no fixed one.*private_addresses = true"):
        moved(source, "http://127.0.0.1:9")


def test_the_option_is_only_for_live_trials() -> None:
    done = CliRunner().invoke(tree, ["source", "test", "netflix", "--base-url", "http://127.0.0.1:9"])
    assert isinstance(done.exception, ConfigurationError)
    assert "--live" in str(done.exception)


def test_a_sample_that_breaks_is_told_as_an_error() -> None:
    with (
        pytest.raises(ConfigurationError, match="It holds nothing"),
        explained_failures(LiveGitHub(Settings(client_id="c"))),
    ):
        raise Broken("It holds nothing.")
