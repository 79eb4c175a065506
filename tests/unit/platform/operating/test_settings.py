"""Settings: where they come from, and that they keep secrets."""

from datetime import timedelta
from pathlib import Path

import pytest

from privateshare.errors import ConfigurationError
from privateshare.platform.operating.settings import load_settings


def test_plain_names_of_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """DATABASE_URL and BLOB_URL are taken from the environment under their plain names."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere/db")
    monkeypatch.setenv("BLOB_URL", "s3://bucket")
    settings = load_settings()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://somewhere/db"
    assert settings.blob_url is not None
    assert settings.blob_url.get_secret_value() == "s3://bucket"


def test_what_is_given_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument comes before the environment, the environment before the default."""
    monkeypatch.setenv("PRIVATESHARE_PORT", "1111")
    monkeypatch.setenv("PRIVATESHARE_WORKERS", "7")
    settings = load_settings(port=2222, workers=None)
    assert (settings.port, settings.workers, settings.host) == (2222, 7, "127.0.0.1")
    assert settings.access_token_lifetime == timedelta(hours=24)


def test_paths_are_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The data folder does not move when the process does."""
    monkeypatch.chdir(tmp_path)
    assert load_settings(data="here").data == tmp_path / "here"


def test_wrong_value_is_named_but_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong setting is named; its value, which may be a secret in the wrong place, is not."""
    monkeypatch.setenv("PRIVATESHARE_PORT", "hunter2")
    with pytest.raises(ConfigurationError, match="port") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_secrets_hide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords and keys do not show when settings are printed."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hunter2@somewhere/db")
    monkeypatch.setenv("BLOB_URL", "s3://hunter2")
    monkeypatch.setenv("PRIVATESHARE_MASTER_KEY", "hunter2")
    assert "hunter2" not in repr(load_settings())


@pytest.mark.parametrize("origin", ["https://share.example.org/", "http://127.0.0.1:8790", "https://host/below/"])
def test_an_origin_is_an_address(origin: str) -> None:
    """It may be below a path; the slash at its end does not matter."""
    assert load_settings(origin=origin).origin == origin.rstrip("/")


@pytest.mark.parametrize(
    "origin",
    [
        *("share.example.org", "https://", "https:///below", "https://host:0", "https://host:99999", "ftp://host"),
        *("https://user@host", "https://host/?x=1", "https://host/#x", "https://ho st"),
    ],
)
def test_an_origin_that_is_none_is_refused(origin: str) -> None:
    """At the start, in place of links that lead nowhere."""
    with pytest.raises(ConfigurationError, match="origin: "):
        load_settings(origin=origin)


@pytest.mark.parametrize("port", [-1, 65536, 99999, "http"])
def test_a_port_to_listen_on_is_one(port: object) -> None:
    """0 is any that is free."""
    with pytest.raises(ConfigurationError, match="port"):
        load_settings(port=port)
    assert load_settings(port=0).port == 0


@pytest.mark.parametrize(
    "base_url",
    ["https://", "https:///r4", "https://:443/r4", "https://host:0/r4", "https://host:99999/r4", "https://?r4"],
)
def test_a_fhir_server_without_a_host_is_refused(base_url: str) -> None:
    """At the start, in one line, in place of a source that never works."""
    server = {"id": 9100, "name": "City Hospital", "base_url": base_url, "client_id": "share"}
    with pytest.raises(ConfigurationError, match=r"fhir_servers\.0\.base_url: .*must be an address"):
        load_settings(fhir_servers=(server,))
