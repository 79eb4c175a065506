"""Packages that `privateshare source new` lays out: their tests pass, and a platform accepts them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from privateshare.errors import ConfigurationError
from privateshare.sources.new_package import write_package


@pytest.mark.parametrize(("kind", "number"), [("json", 11), ("csv", 11), ("sign-in", 7)])
def test_the_tests_of_a_new_package_pass(kind: str, number: int, tmp_path: Path) -> None:
    """They run in a process of their own, as its author runs them. No placeholder is left."""
    for path in write_package("my_pedometer", tmp_path / "package", kind=kind):
        assert "$" not in path.read_text("utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:schemathesis"]
    done = subprocess.run(
        command, cwd=tmp_path / "package", env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{number} passed" in done.stdout


def test_an_unknown_kind_is_refused_with_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no kind xml.*json, csv, sign-in"):
        write_package("steps", tmp_path / "package", kind="xml")
    assert not (tmp_path / "package").exists()


@pytest.mark.parametrize("name", ["", "My", "my-source", "1st", "../evil", "a" * 50, "x.y"])
def test_odd_names_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be the name"):
        write_package(name, tmp_path / "package")
    assert not (tmp_path / "package").exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("spotify", "there is a source spotify already"),
        ("google_timeline", "there is a source googletimeline already"),
        ("pinterest", "the service pinterest already, as service type 9 of group 1.*pinterest_files"),
    ],
)
def test_names_that_are_taken_are_refused(name: str, reason: str, tmp_path: Path) -> None:
    """A platform would not use the package, because two services would have one reference."""
    with pytest.raises(ConfigurationError, match=reason):
        write_package(name, tmp_path / "package")
    assert not (tmp_path / "package").exists()


@pytest.mark.parametrize("title", ['A "quoted" one', "two\nlines", "back\\slash"])
def test_odd_titles_are_refused(title: str, tmp_path: Path) -> None:
    """They would not be valid in the files."""
    with pytest.raises(ConfigurationError, match="title"):
        write_package("steps", tmp_path / "package", title)


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="is not empty"):
        write_package("steps", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
