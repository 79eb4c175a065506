"""What the SDK logs: its requests by route, and nothing that is secret, whatever level an app chooses."""

import logging
import subprocess
import sys
from collections.abc import Iterator

import httpx2
import pytest

from privateshare import ConfigurationError, NetworkError, UserAccessToken
from privateshare.testing import InMemoryPlatform


@pytest.fixture
def platform() -> Iterator[InMemoryPlatform]:
    with InMemoryPlatform() as running:
        running.lend("playhistory", [{"entityid": "1"}], name="18_5_19_1_406_secretname.json")
        yield running


def use(platform: InMemoryPlatform) -> tuple[UserAccessToken, str]:
    """Make calls of every kind, and return the token and the session's key."""
    with platform.client() as app:
        asked = app.get_authorize_url("http://127.0.0.1/return")
        code = app.read_return(platform.consent(asked.url), state=asked.state).code
        token = app.exchange_code_for_token(code, asked.code_verifier)
        for file in app.read_all_files(asked.session, token):
            app.read_file(asked.session, file.name, token)
            app.read_file_metadata(asked.session, file.name, token)
        storage = app.create_provisional_storage()
        app.upload_file_to_storage(storage.id, "/secretpath.txt", b"x")
        app.read_accounts(token)
        return token, asked.session.key


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
@pytest.mark.usefixtures("transport")
def test_no_level_shows_a_secret(platform: InMemoryPlatform, caplog: pytest.LogCaptureFixture, level: int) -> None:
    """Neither the SDK's own lines nor those of httpx2 have session keys, codes, tokens, names of files or paths."""
    with caplog.at_level(level), caplog.at_level(level, "privateshare"), caplog.at_level(level, "httpx2"):
        token, session_key = use(platform)
    secrets = (session_key, token.access_token.value, token.refresh_token.value, "secretname", "secretpath", "Bearer")
    for record in caplog.records:
        assert not any(secret in f"{record.getMessage()} {record.args}" for secret in secrets), record
    if level == logging.INFO:
        assert [record.name for record in caplog.records if record.name.startswith(("privateshare", "httpx2"))] == []


@pytest.mark.usefixtures("transport")
def test_each_request_is_a_line(platform: InMemoryPlatform, caplog: pytest.LogCaptureFixture) -> None:
    """With method, route, status and time."""
    with caplog.at_level(logging.DEBUG, "privateshare"):
        use(platform)
    lines = [record.getMessage().rsplit(" in ", 1) for record in caplog.records if record.name == "privateshare"]
    assert all(time.endswith(" ms") and time[:-3].isdigit() for _, time in lines)
    assert {told for told, _ in lines} >= {
        "POST oauth/authorize: 201",
        "POST oauth/token: 200",
        "GET jwks/oauth: 200",
        "GET permission-access/query/{session}: 200",
        "GET permission-access/query/{session}/{file}: 200",
        "HEAD permission-access/query/{session}/{file}: 200",
        "POST storage: 200",
        "POST clouds/{storage}/files/apps/{application}/{path}: 201",
        "GET permission-access/accounts: 200",
    }


def test_a_failure_is_a_line_too(platform: InMemoryPlatform, caplog: pytest.LogCaptureFixture) -> None:
    """With the name of the error, whose text has no session key either."""
    with platform.client(base_url="http://127.0.0.1:9/", retries=0) as app, caplog.at_level("DEBUG", "privateshare"):
        token, session_key = use(platform)
        with pytest.raises(NetworkError) as told:
            app.read_file_list(session_key, token)
    assert caplog.records[-1].getMessage().startswith("GET permission-access/query/{session}: NetworkError in ")
    assert session_key not in str(told.value)
    assert "127.0.0.1:9" in str(told.value)


def test_what_httpx2_logs_of_the_apps_own_requests_stays(
    platform: InMemoryPlatform, caplog: pytest.LogCaptureFixture
) -> None:
    """The SDK is not the only user of httpx2."""
    with caplog.at_level(logging.INFO, "httpx2"):
        use(platform)
        httpx2.get(platform.base_url)
    assert [record.getMessage().split('"')[0] for record in caplog.records if record.name == "httpx2"] == [
        f"HTTP Request: GET {platform.base_url} "
    ]


@pytest.mark.parametrize(
    "value", ["debug", pytest.param("DEBUG", marks=pytest.mark.slow), pytest.param("info", marks=pytest.mark.slow), ""]
)
def test_the_environment_switches_it_on(platform: InMemoryPlatform, value: str) -> None:
    """Without a line of code in the app."""
    script = f"""
from privateshare import PrivateShare
with PrivateShare("testapplication", **{platform.settings()!r}) as app:
    app.get_available_services()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env={"PRIVATESHARE_LOG": value}
    )
    assert ("privateshare DEBUG GET discovery/services: 200 in" in done.stderr) == (value.lower() == "debug")


def test_a_level_that_does_not_exist_is_an_error(platform: InMemoryPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names those that do."""
    monkeypatch.setenv("PRIVATESHARE_LOG", "loud")
    with pytest.raises(ConfigurationError, match="PRIVATESHARE_LOG must be one of debug, info"):
        platform.client()
