"""Tests of settings: their sources, their checks, and that they hide secrets."""

from datetime import timedelta
from pathlib import Path

import pytest

from privateshare.errors import ConfigurationError
from privateshare.platform.operating.settings import load_settings


def test_addresses_have_plain_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """DATABASE_URL and BLOB_URL are read from the environment without a prefix."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere/db")
    monkeypatch.setenv("BLOB_URL", "s3://bucket")
    settings = load_settings()
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://somewhere/db"
    assert settings.blob_url is not None
    assert settings.blob_url.get_secret_value() == "s3://bucket"


def test_arguments_override_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument overrides the environment, and the environment overrides the default."""
    monkeypatch.setenv("PRIVATESHARE_PORT", "1111")
    monkeypatch.setenv("PRIVATESHARE_WORKERS", "7")
    settings = load_settings(port=2222, workers=None)
    assert (settings.port, settings.workers, settings.host) == (2222, 7, "127.0.0.1")
    assert settings.access_token_lifetime == timedelta(hours=24)


def test_paths_are_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The data folder stays the same when the process changes its working directory."""
    monkeypatch.chdir(tmp_path)
    assert load_settings(data="here").data == tmp_path / "here"


def test_an_invalid_setting_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """The value is not shown, because it may be a misplaced secret."""
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
    """An origin may have a path, and its trailing slash is ignored."""
    assert load_settings(origin=origin).origin == origin.rstrip("/")


@pytest.mark.parametrize(
    "origin",
    [
        *("share.example.org", "https://", "https:///below", "https://host:0", "https://host:99999", "ftp://host"),
        *("https://user@host", "https://host/?x=1", "https://host/#x", "https://ho st"),
    ],
)
def test_an_invalid_origin_is_rejected(origin: str) -> None:
    """It is rejected at the start, so that no broken links are created."""
    with pytest.raises(ConfigurationError, match="origin: "):
        load_settings(origin=origin)


@pytest.mark.parametrize("port", [-1, 65536, 99999, "http"])
def test_a_port_is_a_valid_number(port: object) -> None:
    """Port 0 selects any free port."""
    with pytest.raises(ConfigurationError, match="port"):
        load_settings(port=port)
    assert load_settings(port=0).port == 0


@pytest.mark.parametrize(
    "base_url",
    ["https://", "https:///r4", "https://:443/r4", "https://host:0/r4", "https://host:99999/r4", "https://?r4"],
)
def test_a_fhir_server_without_a_host_is_rejected(base_url: str) -> None:
    """It is rejected at the start with one line, so that no broken source is offered."""
    server = {"id": 9100, "name": "City Hospital", "base_url": base_url, "client_id": "share"}
    with pytest.raises(ConfigurationError, match=r"fhir_servers\.0\.base_url: .*must be an address"):
        load_settings(fhir_servers=(server,))


@pytest.mark.parametrize("contact", ["privacy@example.org", "https://example.org/contact", "a.b+c@sub.example.co.uk"])
def test_an_operator_says_who_they_are(contact: str) -> None:
    """Name, contact and privacy notice are shown to people as they are."""
    given = load_settings(operator_name="Société Générale", operator_contact=contact)
    assert (given.operator_name, given.operator_contact, given.operator_privacy_notice) == (
        "Société Générale",
        contact,
        None,
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("operator_name", ""),
        ("operator_name", "safe \u202e evil"),
        ("operator_name", "x" * 300),
        ("operator_contact", "javascript:alert(1)"),
        ("operator_contact", "a@b.example?subject=x"),
        ("operator_contact", "us"),
        ("operator_privacy_notice", "javascript:alert(1)"),
        ("operator_privacy_notice", "example.org/privacy"),
        ("operator_privacy_notice", "https://user@example.org/"),
    ],
)
def test_what_pages_show_of_the_operator_is_checked(name: str, value: str) -> None:
    """A link of every page can run no code, and a name cannot mislead."""
    with pytest.raises(ConfigurationError, match=name):
        load_settings(**{name: value})
