"""`privateshare source …`: lists, trials of files, and settings, as text and as JSON."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.archives import play, spotify_zip, viewing_activity
from typer.testing import CliRunner

from privateshare.cli.commands import tree
from privateshare.errors import ConfigurationError


def run(*arguments: object) -> Any:
    """Return the JSON that a command prints, and its exit code."""
    done = CliRunner().invoke(tree, ["source", *map(str, arguments), "--json"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return json.loads(done.stdout), done.exit_code


def test_sources_are_listed_with_their_routes_and_types() -> None:
    rows, code = run("list")
    (netflix,) = [row for row in rows if row["id"] == 9007]
    assert (netflix["reference"], netflix["routes"], netflix["types"]) == ("netflix", ["file", "sample"], [9003, 9004])
    assert code == 0


@pytest.mark.parametrize("name", ["9007", "netflix", "Netflix", "9004", "google_timeline", "googletimeline"])
def test_a_source_is_shown_by_id_reference_or_name(name: str) -> None:
    """Or by the name of its folder, if that has no other source."""
    facts, _ = run("show", name)
    expected = (9007, [".zip", ".csv"]) if facts["id"] == 9007 else (9004, [".json", ".zip"])
    assert (facts["id"], facts["files"], facts["settings"]) == (*expected, [])
    assert len(facts["steps"]) >= 2


def test_an_unknown_source_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match=r"there is no source xqzk\. List them with: privateshare source list"):
        run("show", "xqzk")
    with pytest.raises(ConfigurationError, match=r"there is no source garmn\. Did you mean garmin\?"):
        run("show", "garmn")


@pytest.mark.parametrize("name", ["github", "9051", "GitHub"])
def test_a_sign_in_without_its_settings_is_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"nobody can sign in at this source here\. Give a file with --file"):
        run("test", name, "--live")


def test_an_unknown_sample_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ConfigurationError, match=r"no such sample\. There are: default, large, small"):
        run("test", "spotify", "--sample", "huge")


def test_a_file_is_tried(tmp_path: Path) -> None:
    """The report has what it is recognised as, the objects with their dates, and what was left out."""
    file = tmp_path / "export.zip"
    file.write_bytes(spotify_zip([*(play(number) for number in range(20)), play(0, ts=None)]))
    (report,), code = run("test", "spotify", "--file", file)
    assert (report["recognised"], report["faults"], code) == (["Spotify: 1 file"], [], 0)
    (plays,) = [row for row in report["objects"] if row["type"] == 406]
    assert (plays["objects"], plays["first"], plays["last"]) == (20, "2026-01-01", "2026-09-18")
    assert report["entries_read"] == 20
    assert report["left_out"]
    assert set(report["seconds"]) == {"identify", "first_pass", "second_pass"}


def test_a_file_of_another_source_is_refused_and_recognised(tmp_path: Path) -> None:
    file = tmp_path / "export.zip"
    file.write_bytes(viewing_activity(5))
    (report,), code = run("test", "spotify", "--file", file)
    assert report["recognised"] == ["Netflix: 1 file"]
    assert "the file is refused" in report["faults"][0]
    assert code == 1


@pytest.mark.parametrize("arguments", [("list",), ("show", "strava"), ("show", "imap"), ("test", "netflix")])
def test_people_read_tables_and_sentences_and_no_json(arguments: tuple[str, ...]) -> None:
    done = CliRunner().invoke(tree, ["source", *arguments])
    assert done.exit_code == 0
    assert not set('{}["') & set(done.stdout.replace("[sources.strava]", ""))
    assert not {"null", "true", "false", "None"} & set(done.stdout.split())


def test_a_source_with_fields_says_what_is_asked() -> None:
    facts, _ = run("show", "imap")
    assert (facts["routes"], [asked["name"] for asked in facts["asks"]]) == (
        ["password", "sample"],
        ["server", "username", "password"],
    )


def test_samples_are_tried() -> None:
    reports, code = run("test", "netflix")
    assert [report["sample"] for report in reports] == ["default"]
    assert code == 0
