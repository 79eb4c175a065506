"""Exports in a folder of a person's server, with wsgidav, and with faults that it does not have."""

import io
import os
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.apis.webdav import PASSWORD, USER, WebDav, webdav
from tests.object_schemas import check_objects
from tests.scripted import Scripted, serving

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.calendar_file.source import CalendarFile
from privateshare.sources.contract import Broken, Connection, JsonObject, NeedsLogin, Page, Source, TryLater
from privateshare.sources.dav import folder
from privateshare.sources.dav.folder_source import UploadOrFolder
from privateshare.sources.registry import Sources
from privateshare.sources.typed_servers import TypedServers
from privateshare.sources.workouts.source import WorkoutFiles

PRIVATE = TypedServers(private=True)
EVENT = ObjectType.EVENT
ACTIVITY, ROUTE = ObjectType.ACTIVITY, ObjectType.ROUTE


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebDav]:
    home = tmp_path / "dav"
    (home / "Backups").mkdir(parents=True)
    with webdav(home) as running:
        yield running


def calendar(*events: int, month: int = 1) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//t//t//EN"]
    for number in events:
        lines += ["BEGIN:VEVENT", f"UID:e{number}@x", "DTSTAMP:20260101T000000Z"]
        lines += [f"DTSTART:2026{month:02}{1 + number % 28:02}T090000Z", f"SUMMARY:Meeting {number}", "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def put(server: WebDav, path: str, content: str | bytes, age: int = 0) -> Path:
    file = server.folder / "Backups" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    os.utime(file, (1_760_000_000 - age, 1_760_000_000 - age))
    return file


class Folder:
    """An account with a folder, and its cursors."""

    def __init__(self, server: WebDav, uploads: Source | None = None, typed: str = "Backups") -> None:
        self.source = UploadOrFolder(uploads or CalendarFile(), PRIVATE)
        answers = {"server": f"{server.address}/{typed}", "username": USER, "password": PASSWORD}
        self.token: JsonObject = self.source.prepare(answers, "")
        self.cursors: dict[int, str | None] = dict.fromkeys(self.source.info.object_types)
        self.identity = self.source.identify(self.connection())

    def connection(self) -> Connection:
        return Connection(token=self.token, provider_account_id=f"{USER}@x")

    def read(self) -> tuple[dict[int, dict[str, JsonObject]], Connection]:
        """Fetch what is new, and return the objects by type and id."""
        found, connection = dict[int, dict[str, JsonObject]](), self.connection()
        for page in self.source.fetch(connection, self.cursors):
            assert isinstance(page, Page)
            if self.source.info.schema.standard == "digime":
                check_objects(page.object_type, list(page.objects))
            id_of = self.source.info.schema.entity_id
            found.setdefault(page.object_type, {}).update({id_of(thing): thing for thing in page.objects})
            if page.cursor is not None:
                self.cursors = self.cursors | {page.object_type: page.cursor}
        return found, connection


def test_a_folder_is_an_account_of_its_source(server: WebDav) -> None:
    """It can be typed with and without its end; the password is not shown, and a sign-in there proves nobody."""
    account = Folder(server)
    host = server.address.removeprefix("http://")
    assert account.identity.provider_account_id == f"ann@{host}/Backups"
    assert account.identity.display_name == f"Backups ({host})"
    assert Folder(server, typed="Backups/").identity == account.identity
    assert PASSWORD not in repr(account.connection())
    assert account.source.info.proves_person is False


def test_files_in_folders_are_read_once(server: WebDav) -> None:
    """Only files of the source's kinds; later those that are new or changed; nothing twice."""
    put(server, "a.ics", calendar(1, 2))
    put(server, "older/2026/b.ICS", calendar(3))
    put(server, "notes.txt", "nothing")
    put(server, ".hidden/c.ics", calendar(9))
    account = Folder(server)
    found, connection = account.read()
    assert len(found[EVENT]) == 3
    assert connection.left_out.count == 0
    assert sorted(server.fetched()) == ["/Backups/a.ics", "/Backups/older/2026/b.ICS"]
    assert account.read()[0] == {}
    assert server.fetched() == []
    put(server, "new.ics", calendar(4))
    put(server, "a.ics", calendar(1, 2, 5))
    found, _ = account.read()
    assert sorted(server.fetched()) == ["/Backups/a.ics", "/Backups/new.ics"]
    assert len(found[EVENT]) == 4


def test_an_upload_by_hand_gives_the_same_objects(server: WebDav, tmp_path: Path) -> None:
    """An export in the folder, and the same file uploaded, are one set of objects."""
    put(server, "a.ics", calendar(1, 2, 3))
    account = Folder(server)
    found, _ = account.read()
    file = tmp_path / "by hand.ics"
    file.write_text(calendar(1, 2, 3), newline="")
    with file.open("rb") as opened:
        uploaded = Connection(archive=opened, provider_account_id=f"{USER}@x")
        pages = [page for page in account.source.fetch(uploaded, {EVENT: None}) if isinstance(page, Page)]
    by_hand = {one["entityid"]: one["createddate"] for page in pages for one in page.objects}
    assert by_hand == {id_: one["createddate"] for id_, one in found[EVENT].items()}


def test_the_newest_backup_wins(server: WebDav, tmp_path: Path) -> None:
    """Archives are read in the order of their dates, each by itself."""
    for name, age, month in (("z-old.zip", 5000, 1), ("a-new.zip", 0, 3), ("m.zip", 900, 2)):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("calendar.ics", calendar(1, month=month))
        put(server, name, path.read_bytes(), age)
    found, connection = Folder(server).read()
    ((event),) = found[EVENT].values()
    assert event["createddate"] == 1_772_442_000_000  # The second of March.
    assert [path.rpartition("/")[2] for path in server.fetched()] == ["z-old.zip", "m.zip", "a-new.zip"]
    assert not connection.left_out.is_partial


def test_many_small_files_are_read_together(server: WebDav, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MAX_BATCH_FILES", 8)
    for number in range(20):
        put(server, f"{number}.ics", calendar(number), age=number)
    account = Folder(server)
    fetched = list(account.source.archives(account.connection(), None))
    assert len(fetched) == 3
    names = []
    for one in fetched:
        with one.archive, zipfile.ZipFile(one.archive) as archive:
            names += archive.namelist()
    assert names == [f"{number}.ics" for number in range(19, -1, -1)]
    assert len(account.read()[0][EVENT]) == 20


def test_an_interrupted_reading_continues(server: WebDav, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came before the failure is not fetched again."""
    monkeypatch.setattr(folder, "MAX_BATCH_FILES", 1)
    for number in range(4):
        put(server, f"{number}.ics", calendar(number), age=10 - number)
    account = Folder(server)
    server.fail("GET", "2.ics", "503 Service Unavailable", **{"Retry-After": "9"})
    with pytest.raises(TryLater) as told:
        account.read()
    assert told.value.retry_after == 9
    server.fetched()
    assert len(account.read()[0][EVENT]) == 2
    assert server.fetched() == ["/Backups/2.ics", "/Backups/3.ics"]


@pytest.mark.parametrize("status", ["403 Forbidden", "404 Not Found", "302 Found", "500 Internal Server Error"])
def test_a_file_that_cannot_be_fetched_is_told(server: WebDav, status: str) -> None:
    """The others are read. It is tried again by the next sync, and the password is not sent to where it leads."""
    put(server, "a.ics", calendar(1))
    put(server, "b.ics", calendar(2))
    account = Folder(server)
    server.fail("GET", "a.ics", status, Location="https://evil.example/")
    found, connection = account.read()
    assert len(found[EVENT]) == 1
    assert list(connection.left_out.damaged) == ["a.ics"]
    assert server.fetched() == ["/Backups/a.ics", "/Backups/b.ics"]
    put(server, "c.ics", calendar(3))
    account.read()
    assert sorted(server.fetched()) == ["/Backups/a.ics", "/Backups/c.ics"]


def test_archives_of_others_are_left_alone(server: WebDav, tmp_path: Path) -> None:
    """They are no reason to call the account incomplete, and are not fetched again."""
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("picture.jpg", b"\xff\xd8\xff")
    put(server, "pictures.zip", path.read_bytes())
    put(server, "cut.zip", b"PK\x03\x04 and no more")
    put(server, "a.ics", calendar(1))
    account = Folder(server)
    found, connection = account.read()
    assert len(found[EVENT]) == 1
    assert list(connection.left_out.unused) == ["cut.zip"]
    server.fetched()
    account.read()
    assert server.fetched() == []


def test_limits_are_kept_and_told(server: WebDav, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too deep, too many, too large."""
    monkeypatch.setattr(folder, "MAX_DEPTH", 2)
    monkeypatch.setattr(folder, "MAX_FILES", 3)
    monkeypatch.setattr(folder, "MAX_FILE_BYTES", 5000)
    put(server, "1/2/3/deep.ics", calendar(1))
    put(server, "large.zip", b"PK" + b"x" * 6000)
    for number in range(4):
        put(server, f"{number}.ics", calendar(number))
    found, connection = Folder(server).read()
    assert len(found[EVENT]) <= 3
    assert connection.left_out.unused
    monkeypatch.setattr(folder, "MAX_FILES", 100)
    found, connection = Folder(server).read()
    assert len(found[EVENT]) == 4
    assert list(connection.left_out.unused) == ["3"]
    assert list(connection.left_out.damaged) == ["large.zip"]


def test_a_password_that_is_not_accepted_any_more_is_noticed(server: WebDav) -> None:
    account = Folder(server)
    server.passwords[USER]["password"] = "another"
    with pytest.raises(NeedsLogin):
        account.source.identify(account.connection())
    with pytest.raises(NeedsLogin):
        account.read()
    with pytest.raises(NeedsLogin):
        list(account.source.fetch(Connection(provider_account_id="x"), account.cursors))


@pytest.mark.parametrize("method", ["PROPFIND", "GET"])
def test_a_limit_of_the_server_is_kept(server: WebDav, method: str) -> None:
    put(server, "a.ics", calendar(1))
    account = Folder(server)
    path = "Backups" if method == "PROPFIND" else "a.ics"
    server.fail(method, path, "429 Too Many Requests", **{"Retry-After": "17"})
    with pytest.raises(TryLater) as told:
        account.read()
    assert (told.value.retry_after, told.value.limited) == (17, True)


class OutOfTime(Exception):
    """The sync takes too long."""


def test_a_sync_that_takes_too_long_ends_before_the_next_request(server: WebDav) -> None:
    """A server could otherwise occupy a worker with slow answers for as long as it names files."""
    put(server, "a.ics", calendar(1))
    put(server, "deep/b.ics", calendar(2))
    account, count = Folder(server), 3
    server.asked.clear()

    def admit() -> None:
        if len(server.asked) == count:
            raise OutOfTime

    connection = Connection(token=account.token, provider_account_id="x", admit=admit)
    with pytest.raises(OutOfTime):
        list(account.source.archives(connection, None))
    assert [method for method, _ in server.asked] == ["PROPFIND", "PROPFIND", "GET"]


IN_FOLDERS = {
    id_: make
    for name in ("apple_health", "calendar_file", "contact_file", "mail_file", "whatsapp", "workouts")
    for id_, make in import_module(f"tests.unit.sources.{name}.good_archives").GOOD_ARCHIVES.items()
}


@pytest.mark.parametrize("id_", IN_FOLDERS)
@pytest.mark.parametrize("is_unpacked", [False, True])
def test_a_folder_gives_what_an_upload_gives(server: WebDav, id_: int, is_unpacked: bool) -> None:
    """Of each source, as the zip archive of a phone, and unpacked; a copy with another name adds nothing."""
    data, source = IN_FOLDERS[id_](12), Sources().connectable[id_]
    expected = uploaded(source, data)
    if is_unpacked:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                put(server, name, archive.read(name))
    else:
        put(server, "export.zip", data)
    account = Folder(server, source)
    found, connection = account.read()
    assert {kind: set(things) for kind, things in found.items() if things} == expected
    assert not connection.left_out.is_partial
    assert account.read()[0] == {}
    put(server, "copies/export 2.zip", data)
    again, _ = account.read()
    assert {kind: set(things) for kind, things in again.items() if things} == expected


def uploaded(source: Source, data: bytes) -> dict[int, set[str]]:
    found = dict[int, set[str]]()
    wanted = dict.fromkeys(source.info.object_types)
    for page in source.fetch(Connection(archive=io.BytesIO(data), provider_account_id=f"{USER}@x"), wanted):
        assert isinstance(page, Page)
        found.setdefault(page.object_type, set()).update(source.info.schema.entity_id(one) for one in page.objects)
    return {kind: ids for kind, ids in found.items() if ids}


def test_chats_and_notes_in_one_folder_are_told_apart(server: WebDav) -> None:
    """Chats without their zip archives, in the languages of two phones, beside texts that are none."""
    put(server, "WhatsApp Chat - Ann/_chat.txt", "[04.03.26, 17:12:33] Ann: Hello\r\n[04.03.26, 17:13:00] Bo: Hi\r\n")
    put(server, "WhatsApp-Chat mit Ö.txt", "\ufeff24.12.25, 18:00 - Ö: Frohes Fest\n25.12.25, 09:00 - Ann: Danke\n")
    put(server, "shopping.txt", "Milk\nEggs\n")
    found, connection = Folder(server, Sources().connectable[9003]).read()
    assert len(found[ObjectType.MESSAGE]) == 4
    assert not connection.left_out.is_partial
    assert list(connection.left_out.unused) == ["shopping.txt"]


def test_a_file_that_is_larger_than_the_server_says_is_not_read() -> None:
    """What is small by its own account is put together with others, so its limit is kept while it is read."""
    with serving(Scripted()) as scripted:
        scripted.answers["/f/"] = (207, {}, multistatus(("/f/", FOLDER), ("/f/a.ics", FILE)))
        scripted.answers["/f/a.ics"] = (200, {}, b"x" * (folder.SMALL_BYTES + 1))
        source = UploadOrFolder(CalendarFile(), PRIVATE)
        token = source.prepare({"server": f"{scripted.address}/f", "username": "u", "password": "p"}, "")
        connection = Connection(token=token, provider_account_id="x")
        assert list(source.archives(connection, None)) == []
        assert list(connection.left_out.damaged) == ["a.ics"]


def test_an_archive_is_no_larger_than_planned_if_the_server_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five hundred files of nine bytes, as the server says, would otherwise be four gigabytes on the disk."""
    monkeypatch.setattr(folder, "MAX_BATCH_BYTES", 1000)
    names = [f"/f/{number}.ics" for number in range(5)]
    with serving(Scripted()) as scripted:
        tagged = [(name, f"{FILE}<d:getetag>{name}</d:getetag>") for name in names]
        scripted.answers["/f/"] = (207, {}, multistatus(("/f/", FOLDER), *tagged))
        for name in names:
            scripted.answers[name] = (200, {}, b"x" * 600)
        source = UploadOrFolder(CalendarFile(), PRIVATE)
        token = source.prepare({"server": f"{scripted.address}/f", "username": "u", "password": "p"}, "")
        packed, cursor = list[list[str]](), None
        for fetched in source.archives(Connection(token=token, provider_account_id="x"), None):
            with fetched.archive, zipfile.ZipFile(fetched.archive) as archive:
                packed.append(archive.namelist())
            cursor = fetched.cursor
        assert packed == [["0.ics", "1.ics"], ["2.ics", "3.ics"], ["4.ics"]]
        assert list(source.archives(Connection(token=token, provider_account_id="x"), cursor)) == []


@pytest.mark.parametrize("length", [5000, 70_000])
def test_a_name_that_is_too_long_does_not_keep_others_from_being_read(length: int) -> None:
    """Neither a zip archive nor a request has room for it."""
    with serving(Scripted()) as scripted:
        entries = (
            ("/f/", FOLDER),
            (f"/f/{'x' * length}.ics", FILE),
            ("/f/a.ics", FILE),
            (f"/f/{'y' * length}/", FOLDER),
        )
        scripted.answers["/f/"] = (207, {}, multistatus(*entries))
        scripted.answers["/f/a.ics"] = (200, {}, calendar(1).encode())
        source = UploadOrFolder(CalendarFile(), PRIVATE)
        token = source.prepare({"server": f"{scripted.address}/f", "username": "u", "password": "p"}, "")
        connection = Connection(token=token, provider_account_id="x")
        (fetched,) = source.archives(connection, None)
        with fetched.archive, zipfile.ZipFile(fetched.archive) as archive:
            assert archive.namelist() == ["a.ics"]
        assert connection.left_out.unused


def test_a_folder_without_end_is_not_listed_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MAX_ENTRIES", 10)
    with serving(Scripted()) as scripted:
        others = [(f"/f/{number}.jpg", FILE) for number in range(20)]
        scripted.answers["/f/"] = (207, {}, multistatus(("/f/a.ics", FILE), *others))
        scripted.answers["/f/a.ics"] = (200, {}, calendar(1).encode())
        source = UploadOrFolder(CalendarFile(), PRIVATE)
        token = source.prepare({"server": f"{scripted.address}/f", "username": "u", "password": "p"}, "")
        connection = Connection(token=token, provider_account_id="x")
        (fetched,) = source.archives(connection, None)
        fetched.archive.close()
        assert list(connection.left_out.unused) == ["7.jpg"]


@pytest.mark.parametrize("there", ["/g/", "https://cloud.example/f/"])
def test_a_folder_that_is_elsewhere_by_its_own_account_is_not_taken_for_an_empty_one(there: str) -> None:
    """The server redirects, or a proxy before it changes addresses: no file in it would ever be found."""
    with serving(Scripted()) as scripted:
        scripted.answers["/f/"] = (301, {"location": "/g/"}, b"")
        scripted.answers["/g/"] = (207, {}, multistatus((there, FOLDER), (f"{there}a.ics", FILE)))
        source = UploadOrFolder(CalendarFile(), PRIVATE)
        token = source.prepare({"server": f"{scripted.address}/f", "username": "u", "password": "p"}, "")
        with pytest.raises(Broken, match="There is no folder"):
            source.identify(Connection(token=token))
        with pytest.raises(Broken, match="There is no folder"):
            list(source.archives(Connection(token=token, provider_account_id="x"), None))
        assert {path for path, _ in scripted.asked} == {"/f/", "/g/"}


def test_an_address_without_a_folder_is_explained(server: WebDav) -> None:
    put(server, "a.ics", calendar(1))
    for typed in ("Nothing", "Backups/a.ics"):
        with pytest.raises(Broken, match="There is no folder at this address"):
            Folder(server, typed=typed)
    account = Folder(server)
    (server.folder / "Backups").rename(server.folder / "Moved")
    with pytest.raises(Broken, match="There is no folder at this address"):
        account.read()


def multistatus(*entries: tuple[str, str]) -> bytes:
    parts = "".join(
        f"<d:response><d:href>{href}</d:href><d:propstat><d:prop>{properties}</d:prop>"
        "<d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
        for href, properties in entries
    )
    return f'<d:multistatus xmlns:d="DAV:">{parts}</d:multistatus>'.encode()


FOLDER = "<d:resourcetype><d:collection/></d:resourcetype>"
FILE = "<d:resourcetype/><d:getcontentlength>9</d:getcontentlength>"


@pytest.mark.parametrize(
    "href",
    ["https://evil.example/f/x.ics", "/other/x.ics", "/f/../../x.ics", "//evil.example/f/x.ics", "/f", "http://["],
)
def test_only_what_is_in_the_folder_is_fetched(href: str) -> None:
    """A server names no other places to which the password would be sent."""
    with serving(Scripted()) as scripted:
        scripted.answers["/f/"] = (207, {}, multistatus(("/f/", FOLDER), (href, FILE)))
        source = UploadOrFolder(CalendarFile(), PRIVATE)
        token = source.prepare({"server": f"{scripted.address}/f", "username": "u", "password": "p"}, "")
        connection = Connection(token=token, provider_account_id="x")
        with suppress(Broken):  # An answer with an address that is none is not one of WebDAV.
            assert list(source.archives(connection, None)) == []
        assert {path for path, _ in scripted.asked} == {"/f/"}


@pytest.mark.parametrize(
    "content", [b"", b"<html/>", b"<a", multistatus(), b"<!DOCTYPE x><d:multistatus xmlns:d='DAV:'/>"]
)
def test_an_answer_that_is_not_of_webdav_is_explained(content: bytes) -> None:
    with serving(Scripted()) as scripted:
        scripted.answers["/f/"] = (207, {}, content)
        source = UploadOrFolder(CalendarFile(), PRIVATE)
        token = source.prepare({"server": f"{scripted.address}/f", "username": "u", "password": "p"}, "")
        with pytest.raises(Broken, match="There is no folder"):
            source.identify(Connection(token=token))


def test_files_without_a_tag_are_compared_by_date_and_size_or_read_again() -> None:
    with serving(Scripted()) as scripted:
        date = "<d:getlastmodified>Mon, 05 Jan 2026 09:00:00 GMT</d:getlastmodified>"
        scripted.answers["/f/"] = (207, {}, multistatus(("/f/", FOLDER), ("/f/a.ics", FILE + date), ("/f/b.ics", FILE)))
        for name in "ab":
            scripted.answers[f"/f/{name}.ics"] = (200, {}, calendar(1).encode())
        source = UploadOrFolder(CalendarFile(), PRIVATE)
        token = source.prepare({"server": f"{scripted.address}/f", "username": "u", "password": "p"}, "")
        connection = Connection(token=token, provider_account_id="x")
        (first,) = source.archives(connection, None)
        first.archive.close()
        scripted.asked.clear()
        (second,) = source.archives(connection, first.cursor)
        second.archive.close()
        assert [path for path, _ in scripted.asked] == ["/f/", "/f/b.ics"]


@pytest.mark.parametrize(
    "typed", ["http://127.0.0.1/f", "https://127.0.0.1/f", "https://localhost/f", "https://10.0.0.1/f"]
)
def test_only_public_servers_are_reached(typed: str) -> None:
    source, answers = UploadOrFolder(CalendarFile()), {"server": typed, "username": "u", "password": "p"}
    with pytest.raises(Broken):
        source.identify(Connection(token=source.prepare(answers, "")))


def test_sources_say_themselves_that_their_files_lie_in_folders() -> None:
    """Those whose exports do not say whose they are: others could not be of the same account as uploads."""
    found = {id_ for id_, one in Sources().connectable.items() if isinstance(one, UploadOrFolder)}
    assert found == {260, 9002, 9003, 9010, 9011, 9012, 9020}


@pytest.mark.parametrize("cursor", ["{", "7", '{"a": 1}', "[1, null]", ""])
def test_a_cursor_that_cannot_be_read_counts_as_none(cursor: str) -> None:
    assert folder.read_marks(cursor) == set()


def test_workouts_of_a_watch_are_read(server: WebDav) -> None:
    points = "".join(
        f'<trkpt lat="52.{number:03}" lon="4.5"><time>2026-01-05T09:{number:02}:00Z</time></trkpt>'
        for number in range(9)
    )
    gpx = f'<gpx version="1.1" creator="x" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{points}</trkseg></trk></gpx>'
    put(server, "run.gpx", gpx)
    found, _ = Folder(server, WorkoutFiles()).read()
    counts: dict[Any, int] = {kind: len(things) for kind, things in found.items() if things}
    assert counts == {ACTIVITY: 1, ROUTE: 1}
