"""Settings: where they come from, and that they keep secrets."""

from datetime import timedelta
from pathlib import Path

import pytest

from privateshare.errors import ConfigurationError
from privateshare.platform.settings import load_settings


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
