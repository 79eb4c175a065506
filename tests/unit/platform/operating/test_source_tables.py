"""Settings of sources: tables of the file, variables of the environment, and what is wrong with them."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.packages import write_package

from privateshare.errors import ConfigurationError
from privateshare.platform.operating.settings import Settings, load_settings
from privateshare.protocol import catalogue
from privateshare.sources.installed import read_package


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Install a package with the source `pedometer`, and work in a folder without settings."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(catalogue, "_installed", [read_package(write_package(tmp_path))])
    import_module("pedometer_package")
    yield
    for name in [name for name in sys.modules if name.startswith("pedometer_package")]:
        del sys.modules[name]


def loaded(text: str = "") -> Settings:
    Path("privateshare.toml").write_text(text)
    return load_settings()


def pedometer(settings: Settings) -> Any:
    return settings.sources["pedometer"]


def test_settings_are_typed_by_the_source() -> None:
    """A table becomes the source's own settings, with its defaults."""
    found = pedometer(loaded('[sources.pedometer]\nclient_id = "abc"\n'))
    assert (found.client_id, found.secret, found.goal) == ("abc", None, 8000)
    assert loaded().sources == {}


def test_the_environment_wins_for_each_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIVATESHARE_SOURCES_PEDOMETER_GOAL", "12")
    found = pedometer(loaded('[sources.pedometer]\nclient_id = "abc"\ngoal = 3\n'))
    assert (found.client_id, found.goal) == ("abc", 12)


def test_the_environment_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIVATESHARE_SOURCES_PEDOMETER_CLIENT_ID", "abc")
    monkeypatch.setenv("PRIVATESHARE_SOURCES_PEDOMETER_CLIENT_SECRET", "hunter2")
    found = pedometer(loaded())
    assert (found.client_id, found.secret) == ("abc", "hunter2")
    assert "hunter2" not in repr(found)


def test_an_object_of_json_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIVATESHARE_SOURCES", '{"pedometer": {"client_id": "abc"}}')
    assert pedometer(loaded()).client_id == "abc"


def test_a_secret_comes_from_a_file(tmp_path: Path) -> None:
    """The line end is not a part of it, and it is not shown."""
    (tmp_path / "secret").write_text("hunter2\n")
    found = pedometer(loaded(f'[sources.pedometer]\nclient_id = "abc"\nclient_secret_file = "{tmp_path}/secret"\n'))
    assert found.secret == "hunter2"
    assert "hunter2" not in f"{found!r} {found}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[sources.pedometre]\n", "Did you mean pedometer"),
        ("[sources.netflix]\n", "not the name of a source with settings"),
        ("[sources.pedometer]\n", "pedometer.client_id: is missing"),
        ('[sources.pedometer]\nclient_id = "abc"\nclient_key = "hunter2"\n', "pedometer.client_key: does not exist"),
        ('[sources.pedometer]\nclient_id = "abc"\ngaol = 3\n', "pedometer.gaol: does not exist (did you mean goal?)"),
        ('[sources.pedometer]\nclient_id = "abc"\ngoal = "hunter2"\n', "pedometer.goal: must be a whole number"),
        ('[sources.pedometer]\nclient_id = ["hunter2"]\n', "pedometer.client_id: must be text"),
        ('[sources.pedometer]\nclient_id = "abc"\nclient_secret_file = "missing"\n', "cannot read the file missing"),
        ('[sources.pedometer]\nclient_id = "abc"\nclient_secret_file = "empty"\n', "the file empty is empty"),
        (
            '[sources.pedometer]\nclient_id = "abc"\nclient_secret = "hunter2"\nclient_secret_file = "empty"\n',
            "set one of them",
        ),
        ("sources = 3\n", "must be tables"),
        ("[sources]\npedometer = 3\n", "pedometer: must be a table with options"),
    ],
)
def test_a_fault_is_named_without_values(text: str, reason: str) -> None:
    Path("empty").touch()
    with pytest.raises(ConfigurationError) as told:
        loaded(text)
    assert reason in str(told.value)
    assert "hunter2" not in str(told.value)


def test_variables_of_unknown_sources_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIVATESHARE_SOURCES_PEDOMETRE_GOAL", "12")
    with pytest.raises(ConfigurationError, match="PEDOMETRE_GOAL"):
        loaded()
