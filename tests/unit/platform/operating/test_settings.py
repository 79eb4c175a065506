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
def test_the_operators_texts_are_checked(name: str, value: str) -> None:
    """A link on every page cannot run code, and a name cannot mislead."""
    with pytest.raises(ConfigurationError, match=name):
        load_settings(**{name: value})


# --- the file ---


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Provide an empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_has_the_same_settings_as_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment wins over the file, and an argument over both."""
    (folder / "privateshare.toml").write_text(
        """
        origin = "https://share.example.org"
        port = 1111
        workers = 7
        trusted_proxies = ["10.0.0.0/8", "127.0.0.1"]
        database_url = "postgresql://of-the-file/db"
        blob_url = "s3://of-the-file"
        session_lifetime = "12h"
        log_format = "json"

        [[fhir_servers]]
        id = 9100
        name = "City Hospital"
        base_url = "https://fhir.example.org/r4"
        client_id = "share"
        """
    )
    monkeypatch.setenv("PRIVATESHARE_PORT", "2222")
    monkeypatch.setenv("BLOB_URL", "s3://of-the-environment")
    settings = load_settings(workers=3)
    assert (settings.port, settings.workers, settings.origin) == (2222, 3, "https://share.example.org")
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "127.0.0.1/32"]
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://of-the-file/db"
    assert settings.blob_url is not None
    assert settings.blob_url.get_secret_value() == "s3://of-the-environment"
    assert settings.session_lifetime == timedelta(hours=12)
    assert settings.fhir_servers[0].name == "City Hospital"


def test_the_environment_names_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is named must exist; privateshare.toml in the working folder need not."""
    assert load_settings().port == 8790
    named = folder / "elsewhere.toml"
    monkeypatch.setenv("PRIVATESHARE_SETTINGS", str(named))
    with pytest.raises(ConfigurationError, match=r"elsewhere\.toml does not exist"):
        load_settings()
    named.write_text("port = 1234")
    assert load_settings().port == 1234


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("prot = 80", "no setting prot in privateshare.toml.*Did you mean port"),
        ("orgin = 'https://x.example'", "Did you mean origin"),
        ("PRIVATESHARE_ORIGIN = 'https://x.example'", "no setting PRIVATESHARE_ORIGIN in.*Did you mean origin"),
        ("[server]\nport = 80", "no setting server"),
        ("port = 'hunter2'", "port in privateshare.toml: must be a whole number"),
        ("port = true", "port in privateshare.toml: must be a whole number"),
        ("port = 80.5", "port in privateshare.toml: must be a whole number"),
        ("port = [80]", "port in privateshare.toml: must be a whole number"),
        ("port = 70000", "port in privateshare.toml: must be at most 65535"),
        ("workers = -1", "workers in privateshare.toml: must be at least 0"),
        ("origin = 5", "origin in privateshare.toml: must be a text"),
        ("origin = 'share.example.org'", "origin in privateshare.toml: must be like https://"),
        ("metrics_token = 12345678901234567890", "metrics_token in privateshare.toml: must be a text"),
        ("metrics_token = 'hunter2'", "metrics_token in privateshare.toml: must have at least 16 characters"),
        ("master_key = ['hunter2']", "master_key in privateshare.toml: must be a text"),
        ("data = 5", "data in privateshare.toml: must be the path of a folder"),
        ("trusted_proxies = 5", "trusted_proxies in privateshare.toml: must be a list"),
        ("trusted_proxies = ['hunter2']", "trusted_proxies.0 in privateshare.toml: "),
        ("session_lifetime = 'hunter2'", "session_lifetime in privateshare.toml: must be a number and a unit"),
        ("session_lifetime = 1979-05-27", "session_lifetime in privateshare.toml: must be a number and a unit"),
        ("log_format = 'xml'", "log_format in privateshare.toml: must be 'text' or 'json'"),
        ("fhir_servers = 'hunter2'", "fhir_servers in privateshare.toml: must be a JSON list"),
        ("[fhir_servers]\nid = 9100", "fhir_servers in privateshare.toml: must be a list"),
        ("[[fhir_servers]]\nid = 9100\nclient = 'hunter2'", "fhir_servers.0.client.*did you mean client_id"),
        ("port = ", "not valid TOML"),
        ("port = 80\nport = 81", "not valid TOML"),
    ],
)
def test_errors_in_a_file_are_named_without_the_value(folder: Path, content: str, told: str) -> None:
    """The message is one line, names the setting and the file, and does not mention types of Python."""
    (folder / "privateshare.toml").write_text(content)
    with pytest.raises(ConfigurationError, match=told) as caught:
        load_settings()
    text = str(caught.value)
    assert "hunter2" not in text
    assert "\n" not in text
    assert not {"pydantic", "Input", "tuple"} & set(text.split())


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * 2_000_000])
def test_a_binary_settings_file_is_rejected(folder: Path, content: bytes) -> None:
    """One line names the file."""
    (folder / "privateshare.toml").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"the file of settings privateshare\.toml"):
        load_settings()


def test_a_folder_in_place_of_the_settings_file_is_rejected(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line names it."""
    monkeypatch.setenv("PRIVATESHARE_SETTINGS", str(folder))
    with pytest.raises(ConfigurationError, match="cannot read the file of settings"):
        load_settings()


# --- names, lists and durations ---


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("PRIVATESHARE_ORGIN", "PRIVATESHARE_ORIGIN"),
        ("privateshare_trusted_proxy", "PRIVATESHARE_TRUSTED_PROXIES"),
        ("PRIVATESHARE_MASTERKEY", "PRIVATESHARE_MASTER_KEY"),
        ("PRIVATESHARE_WORKER", "PRIVATESHARE_WORKERS"),
    ],
)
def test_an_unknown_variable_is_rejected_with_the_nearest_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str, nearest: str
) -> None:
    """Otherwise a typing error would silently leave the default in place."""
    monkeypatch.setenv(variable, "hunter2")
    with pytest.raises(ConfigurationError, match=f"Did you mean {nearest}") as caught:
        load_settings()
    assert variable in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_variables_of_apps_are_ignored(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An app and a platform may run in one environment."""
    for variable in (
        "PRIVATESHARE_APPLICATION_ID",
        "PRIVATESHARE_PRIVATE_KEY",
        "PRIVATESHARE_PROFILE",
        "PRIVATESHAREX",
    ):
        monkeypatch.setenv(variable, "x")
    load_settings()


@pytest.mark.parametrize("written", ['["10.0.0.0/8", "127.0.0.1"]', "10.0.0.0/8,127.0.0.1", " 10.0.0.0/8 , 127.0.0.1 "])
def test_a_list_is_json_or_has_commas(folder: Path, monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    """Both forms mean the same."""
    monkeypatch.setenv("PRIVATESHARE_TRUSTED_PROXIES", written)
    assert [str(network) for network in load_settings().trusted_proxies] == ["10.0.0.0/8", "127.0.0.1/32"]


@pytest.mark.parametrize("name", ["TRUSTED_PROXIES", "BLOCKED_SDKS", "FHIR_SERVERS"])
def test_an_invalid_list_is_reported_in_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It names the setting and shows no value."""
    monkeypatch.setenv(f"PRIVATESHARE_{name}", "[hunter2")
    with pytest.raises(ConfigurationError, match=f"{name.lower()}: must be a JSON list") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("24h", timedelta(hours=24)),
        ("30d", timedelta(days=30)),
        ("90s", timedelta(seconds=90)),
        ("2w", timedelta(weeks=2)),
        ("1h30m", timedelta(minutes=90)),
        ("3600", timedelta(hours=1)),
        ("PT30M", timedelta(minutes=30)),
        ("P1DT12H", timedelta(hours=36)),
    ],
)
def test_durations_have_units(folder: Path, monkeypatch: pytest.MonkeyPatch, written: str, meant: timedelta) -> None:
    """A number alone counts seconds."""
    monkeypatch.setenv("PRIVATESHARE_SESSION_LIFETIME", written)
    assert load_settings().session_lifetime == meant


@pytest.mark.parametrize(
    "written", ["", "0", "0h", "-1h", "h", "24 hours", "24H", "1.5h", "nan", "99999d", "9999999999h", "P", "PT"]
)
def test_other_durations_are_rejected(folder: Path, monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    """The message says how to write one."""
    monkeypatch.setenv("PRIVATESHARE_SESSION_LIFETIME", written)
    with pytest.raises(ConfigurationError, match="session_lifetime: must be"):
        load_settings()
