"""Folders that readings fill: whose they are, what of them is gone, and the files and tables that they give again."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from privateshare import (
    ConfigurationError,
    MemoryTokenStore,
    PrivateShare,
    ReadResult,
    Scope,
    ServiceGroup,
    ServiceGroupScope,
    SessionOptions,
    TimeRange,
    User,
    UserAccessToken,
    files,
    prune,
    tables,
)
from privateshare.objects import OtherObject, PlayHistory
from privateshare.sdk.local_files.safe_files import safe_name
from privateshare.sdk.reading.manifest import NAME
from privateshare.testing import InMemoryPlatform

PLAY = {"entityid": "1", "createddate": 1700000000000, "track": {"name": "Song"}}
OBSERVATION = {"resourceType": "Observation", "id": "1", "status": "final", "code": {"text": "x"}}


@pytest.fixture(scope="module")
def platform() -> Iterator[InMemoryPlatform]:
    with InMemoryPlatform() as running:
        yield running


@pytest.fixture
def app(platform: InMemoryPlatform) -> Iterator[PrivateShare]:
    """Provide a client of a platform whose person has nothing yet."""
    platform._state.files.clear()
    with platform.client(token_store=MemoryTokenStore()) as client:
        yield client


def signed_in(platform: InMemoryPlatform, app: PrivateShare, name: str, user_id: str | None = None) -> User:
    """A user who consented; `user_id` is who they are for the platform."""
    asked = app.get_authorize_url("http://127.0.0.1/return")
    back = app.read_return(platform.consent(asked.url), state=asked.state)
    token = app.exchange_code_for_token(back.code, asked.code_verifier)
    user = app.user(name)
    user.keep(UserAccessToken(token.access_token, token.refresh_token, user_id or name, "consent", token.client_id))
    return user


def read(app: PrivateShare, user: User, into: Path | str, options: SessionOptions | None = None) -> ReadResult:
    """The result of reading everything into a folder."""
    return app.read_all_files(app.read_session(user, options), user, into=into).result()


def test_a_folder_belongs_to_one_user_and_contract(
    platform: InMemoryPlatform, app: PrivateShare, tmp_path: Path
) -> None:
    """Another user's reading into it is refused, names both, and changes nothing. The same user goes on."""
    platform.lend("playhistory", [PLAY], name="18_5_19_1_406_1.json")
    ann, bob = signed_in(platform, app, "ann"), signed_in(platform, app, "bob")
    read(app, ann, tmp_path / "data")
    before = (tmp_path / "data" / NAME).read_text()
    platform.lend("playhistory", [PLAY | {"n": 1}], name="18_5_19_1_406_1.json")
    with pytest.raises(ConfigurationError, match=r"has the files of ann with the contract .* is of bob") as raised:
        read(app, bob, tmp_path / "data")
    assert "study/{user}" in raised.value.hint
    assert (tmp_path / "data" / NAME).read_text() == before
    assert read(app, ann, tmp_path / "data").files == 1
    assert len(files(tmp_path / "data")) == 1


def test_a_folder_of_an_older_version_is_assigned_to_its_next_reader(
    platform: InMemoryPlatform, app: PrivateShare, tmp_path: Path
) -> None:
    """Its manifest names no user. Its files are not read again, and their names say what they contain."""
    name = platform.lend("playhistory", [PLAY], name="18_5_19_1_406_1.json")
    stored = platform._state.files[name]
    (tmp_path / name).write_bytes(stored.data)
    line = {"name": name, "updatedDate": stored.updated, "size": len(stored.data)}
    (tmp_path / NAME).write_text("\n" + json.dumps(line) + '\n{"name": "torn')
    (old,) = files(tmp_path)
    assert (old.source, old.account, old.user) == ("spotify", "18_5_19_1", tmp_path.name)
    assert [type(thing) for thing in old.objects()] == [PlayHistory]
    ann, bob = signed_in(platform, app, "ann"), signed_in(platform, app, "bob")
    result = read(app, ann, tmp_path)
    assert (result.files, result.skipped, result.gone) == (0, 1, [])
    assert [file.user for file in files(tmp_path)] == ["ann"]
    with pytest.raises(ConfigurationError, match="of bob"):
        read(app, bob, tmp_path)


@pytest.mark.parametrize("name", ["ann", "Žofie Nováková", "a/b", "..", ".hidden", "con", "x" * 300, "名前", "A"])
def test_a_path_can_be_made_per_user(platform: InMemoryPlatform, app: PrivateShare, tmp_path: Path, name: str) -> None:
    """Whatever the name is: a folder of its own, which a cohort finds."""
    platform.lend("playhistory", [PLAY], name="18_5_19_1_406_1.json")
    user, other = signed_in(platform, app, name), signed_in(platform, app, "other")
    result = read(app, user, tmp_path / "study" / "{user}")
    read(app, other, str(tmp_path / "study" / "{user}"))
    assert result.folder is not None
    assert result.folder.parent == tmp_path / "study"
    assert (tmp_path / "study" / "other").is_dir()
    found = tables(str(tmp_path / "study" / "*"))
    assert {record["user"] for record in found["playhistory"].records()} == {name, "other"}
    assert {file.user for file in files(tmp_path / "study" / "*")} == {name, "other"}


def test_files_of_a_folder_have_their_metadata(platform: InMemoryPlatform, app: PrivateShare, tmp_path: Path) -> None:
    """Type, schema, service, user and date, so that typed objects and models work as after reading."""
    platform.lend("playhistory", [PLAY], name="18_5_19_1_406_1.json")
    platform.lend("observation", [OBSERVATION], name="18_2_9001_1_132_1.json")
    user = signed_in(platform, app, "ann", "platform-id")
    direct = {file.name: file for file in app.read_all_files(app.read_session(user), user, into=tmp_path)}
    again = {file.name: file for file in files(tmp_path)}
    assert {name: file.metadata for name, file in again.items()} == {
        name: file.metadata for name, file in direct.items()
    }
    assert all(file.updated_date and file.user == "ann" for file in again.values())
    (play,) = again["18_5_19_1_406_1.json"].objects(PlayHistory)
    assert play.track is not None
    assert play.track.name == "Song"
    assert [type(thing) for thing in again["18_2_9001_1_132_1.json"].objects()] == [OtherObject]
    assert again["18_2_9001_1_132_1.json"].fhir()[0].id == "1"


def test_deleted_files_are_reported_and_can_be_pruned(
    platform: InMemoryPlatform, app: PrivateShare, tmp_path: Path
) -> None:
    """The result lists them, tables leave them out, and `prune` deletes them. If they reappear, they are read again."""
    kept = platform.lend("playhistory", [PLAY], name="18_5_19_1_406_1.json")
    gone = platform.lend("observation", [OBSERVATION], name="18_2_9001_1_132_1.json")
    user = signed_in(platform, app, "ann")
    assert read(app, user, tmp_path).gone == []
    lost = platform._state.files.pop(gone)
    for _ in range(2):  # It stays gone as long as it is in the folder.
        assert read(app, user, tmp_path).gone == [gone]
    found = tables(tmp_path)
    assert (set(found), found.left_out) == ({"playhistory"}, {gone: "the platform no longer has it"})
    assert set(tables(tmp_path, include_gone=True)) == {"playhistory", "observation"}
    assert [file.name for file in files(tmp_path)] == [kept]
    assert len(files(tmp_path, include_gone=True)) == 2
    platform._state.files[gone] = lost
    result = read(app, user, tmp_path)
    assert (result.gone, result.skipped) == ([], 2)
    assert set(tables(tmp_path)) == {"playhistory", "observation"}
    del platform._state.files[gone]
    read(app, user, tmp_path)
    assert prune(tmp_path) == [tmp_path / gone]
    assert not (tmp_path / gone).exists()
    assert prune(tmp_path) == []
    assert tables(tmp_path).left_out == {}
    assert read(app, user, tmp_path).gone == []
    platform._state.files[gone] = lost
    assert read(app, user, tmp_path).files == 1


def test_only_a_complete_reading_without_scope_reports_deleted_files(
    platform: InMemoryPlatform, app: PrivateShare, tmp_path: Path
) -> None:
    """Not one with a scope, of a session that another client started, or that was stopped early."""
    name = platform.lend("playhistory", [PLAY], name="18_5_19_1_406_1.json")
    user = signed_in(platform, app, "ann")
    read(app, user, tmp_path)
    del platform._state.files[name]
    scope = Scope(service_groups=[ServiceGroupScope(id=ServiceGroup.MEDICAL)])
    assert read(app, user, tmp_path, SessionOptions(scope=scope)).gone == []
    session = app.read_session(user)
    with platform.client(token_store=app._core.token_store) as other:
        assert other.read_all_files(session, other.user("ann"), into=tmp_path).result().gone == []
    reading = app.read_all_files(app.read_session(user), user, into=tmp_path)
    reading.stop_polling()
    assert reading.result().gone == []
    assert read(app, user, tmp_path).gone == [name]


def test_files_of_a_failed_account_are_not_reported_as_deleted(
    platform: InMemoryPlatform, app: PrivateShare, tmp_path: Path
) -> None:
    """The platform may list only a part of them if the person has to sign in again."""
    from privateshare import ServiceType

    name = platform.lend("playhistory", [PLAY], name="18_5_19_1_406_1.json")
    other = platform.lend("observation", [OBSERVATION], name="18_2_9001_1_132_1.json")
    account = platform.connect(ServiceType.SPOTIFY)
    user = signed_in(platform, app, "ann")
    read(app, user, tmp_path)
    platform._state.files.clear()
    platform.require_sign_in(account)
    try:
        assert read(app, user, tmp_path).gone == [other]
    finally:
        platform._state.to_sign_in.clear()
    assert set(read(app, user, tmp_path).gone) == {name, other}


def test_a_reading_with_a_time_limit_replaces_no_complete_file(
    platform: InMemoryPlatform, app: PrivateShare, tmp_path: Path
) -> None:
    """It contains a part of the file, and is stored beside the complete one. A later complete reading replaces both."""
    name = platform.lend("playhistory", [PLAY, PLAY | {"entityid": "2"}], name="18_5_19_1_406_1.json")
    user, last = signed_in(platform, app, "ann"), SessionOptions(scope=Scope(time_ranges=[TimeRange(last="3m")]))
    read(app, user, tmp_path)
    assert read(app, user, tmp_path, last).skipped == 1  # The whole file has all of it.
    platform.lend("playhistory", [PLAY | {"n": 7}], name=name)  # This is what a limited session would give.
    assert read(app, user, tmp_path, last).files == 1
    assert read(app, user, tmp_path, last).skipped == 1
    found = {record["entityid"]: record.get("n") for record in tables(tmp_path)["playhistory"].records()}
    assert found == {"1": 7, "2": None}
    assert len(files(tmp_path)) == 2
    assert read(app, user, tmp_path).files == 1
    assert len(list(tmp_path.glob("*.json"))) == len(files(tmp_path)) == 1


def test_a_longer_period_is_read_again(platform: InMemoryPlatform, app: PrivateShare, tmp_path: Path) -> None:
    """A shorter one is not, and a complete reading replaces both."""
    platform.lend("playhistory", [PLAY], name="18_5_19_1_406_1.json")
    user = signed_in(platform, app, "ann")

    def months(last: str) -> int:
        return read(app, user, tmp_path, SessionOptions(scope=Scope(time_ranges=[TimeRange(last=last)]))).files

    assert [months("3m"), months("3m"), months("1m"), months("12m"), months("1m")] == [1, 0, 0, 1, 0]
    assert (read(app, user, tmp_path).files, months("12m")) == (1, 0)
    assert [path.name for path in tmp_path.glob("*.json")] == ["18_5_19_1_406_1.json"]


def test_a_folder_without_a_manifest_is_an_error(tmp_path: Path) -> None:
    """A mistyped path, a file, an empty folder, and one with foreign JSON."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "package.json").write_text('{"name": "x"}')
    (tmp_path / "foreign" / "list.json").write_text('[{"name": "x"}]')
    for name, problem in {
        "mistyped": "does not exist",
        "file": "is not a folder",
        "empty": "Nothing was read into the folder",
        "foreign": "Nothing was read into the folder",
        "no*": "No folder that was read into matches",
    }.items():
        with pytest.raises(ConfigurationError, match=problem):
            tables(tmp_path / name)
        if name != "foreign":
            with pytest.raises(ConfigurationError, match=problem):
                files(str(tmp_path / name))
    assert files(tmp_path / "foreign") == []
    with pytest.raises(TypeError, match="takes files, a folder"):
        tables(["data"])  # type: ignore[list-item]


def test_tables_ignore_foreign_json(platform: InMemoryPlatform, app: PrivateShare, tmp_path: Path) -> None:
    """Beside files that were read, and in a copy of such files without the manifest. Changed files are reported."""
    name = platform.lend("playhistory", [PLAY], name="18_5_19_1_406_1.json")
    read(app, signed_in(platform, app, "ann"), tmp_path)
    for foreign, content in {"package.json": "{}", "rows.json": '[{"a": 1}]', "18_5_19_9_406_1.json": "[{}]"}.items():
        (tmp_path / foreign).write_text(content)
    found = tables(tmp_path)
    assert {table: len(rows) for table, rows in found.items()} == {"playhistory": 1}
    assert set(found.left_out) == {"package.json", "rows.json", "18_5_19_9_406_1.json"}
    assert set(found.left_out.values()) == {"it is not one of the files that were read into this folder"}
    (tmp_path / name).write_text("[]")
    assert tables(tmp_path).left_out[name] == "it is missing, or was changed after it was read"
    (tmp_path / NAME).unlink()
    copied = tables(tmp_path)
    assert set(copied.left_out) == {"package.json", "rows.json"}


def test_an_empty_library_has_no_tables(platform: InMemoryPlatform, app: PrivateShare, tmp_path: Path) -> None:
    """The folder was read into, and contains no files."""
    read(app, signed_in(platform, app, "ann"), tmp_path)
    assert (len(tables(tmp_path)), files(tmp_path), prune(tmp_path)) == (0, [], [])


@pytest.mark.parametrize(
    "line",
    [
        {"name": "x.json", "file": "../../x", "updatedDate": 1, "size": 1},
        {"name": "x.json", "file": 7, "updatedDate": 1, "size": 1},
        {"name": "x.json", "updatedDate": "x", "size": 1},
        {"name": "x.json", "updatedDate": 1, "size": 1, "windows": [1]},
        {"owner": "x"},
        {"pruned": True},
        {"gone": True},
        [],
        7,
        None,
    ],
    ids=str,
)
def test_an_invalid_line_of_a_manifest_is_ignored(tmp_path: Path, line: object) -> None:
    """It may be truncated or edited. No line leads out of the folder."""
    (tmp_path / "ok.json").write_text('[{"entityid": "1"}]')
    good = {"name": "ok.json", "updatedDate": 1, "size": 19, "metadata": {"objectType": "playhistory"}}
    (tmp_path / NAME).write_text(f"{json.dumps(line)}\n{json.dumps(good)}\n")
    assert {name: len(table) for name, table in tables(tmp_path).items()} == {"playhistory": 1}
    assert [file.path for file in files(tmp_path)] == [tmp_path / safe_name("ok.json")]
