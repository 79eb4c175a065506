"""Files and tables whose names a platform chose to harm: what they become on disk."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from privateshare import ConfigurationError, File, FileMetadata, PrivateShare, UserAccessToken, tables
from privateshare.cli.commands import tree
from privateshare.sdk.reading.manifest import NAME
from privateshare.testing import InMemoryPlatform

NAMES = [
    *("../../outside.json", "/etc/outside.json", "..\\outside.json", "C:outside.json", "con", "nul.txt", "a.", "a "),
    *("A.json", "a.json", "a.json.", "é.json", "e\u0301.json", "x" * 3000 + ".json", NAME, ".x.part", "parquet"),
    *("a.json:stream", "a\nb.json", "\u202ejson.exe", "18_5_19_1_406_D202601_1.json", "18_5_19_1_406_d202601_1.json"),
]


@pytest.fixture
def platform() -> Iterator[InMemoryPlatform]:
    with InMemoryPlatform() as running:
        yield running


def sign_in(platform: InMemoryPlatform, app: PrivateShare) -> UserAccessToken:
    """A person who agrees."""
    asked = app.get_authorize_url("http://127.0.0.1/return")
    return app.exchange_code_for_token(app.read_return(platform.consent(asked.url)).code, asked.code_verifier)


def test_every_file_of_a_session_has_its_own_file_in_the_folder(platform: InMemoryPlatform, tmp_path: Path) -> None:
    """Whatever its name is. The next reading recognises each file."""
    for number, name in enumerate(NAMES):
        platform.lend("playhistory", [{"entityid": str(number), "createddate": number}], name)
    folder = tmp_path / "deep" / "folder"
    with platform.client() as app:
        token = sign_in(platform, app)
        session = app.read_session(token)
        result = app.read_all_files(session, token, into=folder).result()
        assert (result.errors, result.files) == ([], len(NAMES))
        files = {file.name: file for file in app.read_all_files(session, token, into=tmp_path / "second")}
        again = app.read_all_files(session, token, into=folder).result()
    assert (again.files, again.skipped) == (0, len(NAMES))
    paths = [file.path for file in files.values() if file.path is not None]
    assert len({path.name.casefold() for path in paths}) == len(NAMES)
    assert {path.parent for path in paths} == {tmp_path / "second"}
    assert [files[name].json()[0]["entityid"] for name in NAMES] == [str(number) for number in range(len(NAMES))]
    assert {path.name for path in folder.iterdir()} == {path.name for path in paths} | {NAME}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "second"]
    found = tables(folder)
    assert sum(len(table) for table in found.values()) == sum(1 for name in NAMES if name.endswith(".json"))


def test_links_in_the_folder_are_not_followed(platform: InMemoryPlatform, tmp_path: Path) -> None:
    """A link in place of the manifest ends the reading. A link in place of a file is replaced by the file."""
    outside = tmp_path / "outside"
    outside.write_text("theirs")
    name = platform.lend("playhistory", [{"entityid": "1"}])
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / NAME).symlink_to(outside)
    with platform.client() as app:
        token = sign_in(platform, app)
        session = app.read_session(token)
        with pytest.raises(ConfigurationError, match="symbolic link"):
            app.read_all_files(session, token, into=folder).result()
        with pytest.raises(ConfigurationError, match="symbolic link"):
            tables(folder)
        assert [path.name for path in folder.iterdir()] == [NAME]
        (folder / NAME).unlink()
        app.read_all_files(session, token, into=folder).result()
        whole = (folder / name).read_bytes()
        (folder / name).unlink()
        (tmp_path / "same").write_bytes(whole)
        (folder / name).symlink_to(tmp_path / "same")  # as large as what was noted
        assert app.read_all_files(session, token, into=folder).result().files == 1
        (folder / name).unlink()
        (folder / name).symlink_to(outside)
        app.read_file(session, name, token, to=folder / name)
    assert not (folder / name).is_symlink()
    assert outside.read_text() == "theirs"


def file_of(object_type: str, *objects: object) -> File:
    """A file as it was read."""
    data = json.dumps(objects).encode()
    return File(f"{object_type}.json", FileMetadata.model_validate({"objectType": object_type}), len(data), 1, data)


TYPES = ["../../x", "/x", "con", "nul", "A", "a", "é", "e\u0301", "x" * 500, "a:b", "condition", "condition_fhir", ""]


def test_every_table_has_its_own_file_in_the_folder(tmp_path: Path) -> None:
    """Whatever its type is. A type of FHIR that shares its name with others replaces none of them."""
    files = [file_of(name, {"entityid": "1", "name": name}) for name in TYPES]
    files.append(file_of("x", {"resourceType": "../../X", "id": "1"}, {"resourceType": "Condition", "id": "1"}))
    found = tables(files)
    assert {"condition", "condition_fhir", "condition_fhir_fhir", "../../x", "other"} <= set(found)
    written = found.to_parquet(tmp_path / "a" / "b" / "parquet")
    assert len({path.name.casefold() for path in written}) == len(TYPES) + 2
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(written)
    assert (tmp_path / "a" / "b" / "parquet" / "condition.parquet") in written


def test_a_table_replaces_a_link(tmp_path: Path) -> None:
    """The file is complete or does not exist."""
    (tmp_path / "outside").write_text("theirs")
    (tmp_path / "playhistory.parquet").symlink_to(tmp_path / "outside")
    tables([file_of("playhistory", {"entityid": "1"})]).to_parquet(tmp_path)
    assert (tmp_path / "outside").read_text() == "theirs"
    assert not (tmp_path / "playhistory.parquet").is_symlink()


def test_the_command_line_follows_no_link_for_its_tables(platform: InMemoryPlatform, tmp_path: Path) -> None:
    """`read --format parquet` creates its own folder in the folder that was named."""
    platform.lend("playhistory", [{"entityid": "1"}])
    (tmp_path / "key.pem").write_text(platform.settings()["private_key"])
    with platform.client() as app:
        token = sign_in(platform, app).to_json()
    profile = {"application_id": "testapplication", "contract_id": platform.settings()["contract_id"], "token": token}
    profile |= {"base_url": platform.base_url, "key_file": str(tmp_path / "key.pem")}
    (tmp_path / "profiles.json").write_text(json.dumps({"default": profile}))
    (tmp_path / "outside").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "parquet").symlink_to(tmp_path / "outside")
    command = ["read", "--into", str(tmp_path / "data"), "--format", "parquet", "--json"]
    ended = CliRunner().invoke(tree, command, env={"PRIVATESHARE_CONFIG": str(tmp_path)})
    assert isinstance(ended.exception, ConfigurationError)
    assert list((tmp_path / "outside").iterdir()) == []
