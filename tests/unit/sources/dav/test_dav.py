"""Tests of calendar and address book servers, with Radicale, and with faults that it does not have."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.object_schemas import check_objects
from tests.patience import GIVE_UP_SECONDS, wait_for
from tests.ports import free_port
from tests.scripted import Scripted, serving

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import (
    Broken,
    Connection,
    Covered,
    JsonObject,
    NeedsLogin,
    Page,
    SourceFailure,
    TryLater,
)
from privateshare.sources.dav.source import ADDRESS_BOOKS, CALENDARS, DavKind, DavServer
from privateshare.sources.typed_servers import TypedServers

PRIVATE = TypedServers(private=True)
EVENT = """BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//t//EN\r\nBEGIN:VEVENT\r\nUID:e{0}@x\r\nDTSTAMP:20260101T000000Z\r
DTSTART:20260{1}01T090000Z\r\nDTEND:20260{1}01T100000Z\r\nSUMMARY:Meeting {0} &amp; more\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"""
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:c{0}\r\nFN:Person {0}\r\nN:{0};Person;;;\r\nEMAIL:p{0}@example.org\r\nEND:VCARD\r\n"
CONFIGURATION = """[server]
hosts = 127.0.0.1:{port}
[auth]
type = htpasswd
htpasswd_filename = {folder}/users
htpasswd_encryption = plain
delay = 0
[storage]
filesystem_folder = {folder}/data
"""


@dataclass
class Radicale:
    """A running Radicale with the user ann, who has two calendars and an address book."""

    address: str

    def send(self, method: str, path: str, content: str = "", **headers: str) -> int:
        with httpx2.Client(auth=("ann", "app-password")) as http:
            return http.request(method, f"{self.address}{path}", content=content.encode(), headers=headers).status_code

    def make(self, path: str, kind: str, name: str) -> None:
        space = "caldav" if kind == "calendar" else "carddav"
        type_ = f'<d:resourcetype><d:collection/><c:{kind} xmlns:c="urn:ietf:params:xml:ns:{space}"/></d:resourcetype>'
        body = f'<d:mkcol xmlns:d="DAV:"><d:set><d:prop>{type_}<d:displayname>{name}</d:displayname></d:prop></d:set></d:mkcol>'
        assert self.send("MKCOL", path, body) == 201

    def put(self, path: str, content: str) -> None:
        type_ = "text/calendar" if path.endswith("ics") else "text/vcard"
        assert self.send("PUT", path, content, **{"content-type": type_}) in (201, 204)


@pytest.fixture(scope="module")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Radicale]:
    folder: Path = tmp_path_factory.mktemp("radicale")
    port = free_port()
    (folder / "users").write_text("ann:app-password\n")
    (folder / "configuration").write_text(CONFIGURATION.format(port=port, folder=folder))
    command = [sys.executable, "-W", "ignore", "-m", "radicale", "--config", str(folder / "configuration")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ | {"HOME": str(folder)})

    def is_ready() -> bool:
        try:
            return bool(httpx2.get(f"http://127.0.0.1:{port}/.web/").status_code)
        except httpx2.TransportError:
            return False

    try:
        wait_for(is_ready)
        server = Radicale(f"http://127.0.0.1:{port}")
        server.make("/ann/office/", "calendar", "Work &amp; study")
        server.make("/ann/home/", "calendar", "Home")
        server.make("/ann/people/", "addressbook", "People")
        for number in range(60):  # More than one request asks for.
            server.put(f"/ann/people/c{number}.vcf", CARD.format(number))
        for number in range(5):
            server.put(f"/ann/office/e{number}.ics", EVENT.format(number, 1 + number))
        server.put("/ann/home/e9.ics", EVENT.format(9, 9))
        yield server
    finally:
        process.terminate()
        process.wait(GIVE_UP_SECONDS)


def known_of(source: DavServer, address: str, password: str = "app-password") -> JsonObject:
    return source.prepare({"server": address, "username": "ann", "password": password}, "")


def connected(kind: DavKind, address: str) -> tuple[DavServer, Connection]:
    source = DavServer(kind, PRIVATE)
    known = known_of(source, address)
    return source, Connection(
        token=known, provider_account_id=source.identify(Connection(token=known)).provider_account_id
    )


def read(source: DavServer, connection: Connection, cursor: str | None = None) -> tuple[list[JsonObject], list[Page]]:
    (kind,) = source.info.object_types
    found = [page for page in source.fetch(connection, {kind: cursor}) if isinstance(page, Page)]
    objects = [thing for page in found for thing in page.objects]
    check_objects(kind, objects)
    return objects, found


@pytest.mark.parametrize("typed", ["{0}", "{0}/", "{0}/ann/"])
def test_all_calendars_of_a_person_are_read(radicale: Radicale, typed: str) -> None:
    """From the server's name alone, or the address that a provider shows, every event comes with its calendar's name."""
    source, connection = connected(CALENDARS, typed.format(radicale.address))
    objects, found = read(source, connection)
    assert {thing["uid"] for thing in objects} >= {"e0@x", "e1@x", "e9@x"}
    assert {thing["calendarname"] for thing in objects} == {"Work & study", "Home"}
    assert found[-1].covered == Covered()
    assert connection.left_out.count == 0
    assert source.identify(connection).display_name == f"ann ({radicale.address.removeprefix('http://')})"


def test_what_changes_and_what_is_deleted_comes(radicale: Radicale) -> None:
    """Without a change nothing is read again. After one, all is there but what was deleted."""
    source, connection = connected(ADDRESS_BOOKS, radicale.address)
    objects, found = read(source, connection)
    assert len(objects) == len({thing["entityid"] for thing in objects}) == 60
    assert read(source, connection, found[-1].cursor) == ([], [])
    radicale.put("/ann/people/new.vcf", CARD.format("new"))
    assert radicale.send("DELETE", "/ann/people/c7.vcf") == 200
    objects, found = read(source, connection, found[-1].cursor)
    names = {thing["name"] for thing in objects}
    assert "Person new" in names
    assert "Person 7" not in names
    assert (len(objects), found[-1].covered) == (60, Covered())


def test_a_wrong_password_is_refused(radicale: Radicale) -> None:
    source = DavServer(CALENDARS, PRIVATE)
    with pytest.raises(NeedsLogin):
        source.identify(Connection(token=known_of(source, radicale.address, "wrong")))


def test_the_password_is_not_shown(radicale: Radicale) -> None:
    source, connection = connected(CALENDARS, radicale.address)
    assert "app-password" not in f"{connection!r} {source!r} {source.identify(connection)!r}"


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    with serving(Scripted()) as server:
        yield server


def multi(path: str, properties: str) -> bytes:
    return (
        f'<d:multistatus xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:response><d:href>{path}</d:href>'
        f"<d:propstat><d:prop>{properties}</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
        "</d:multistatus>"
    ).encode()


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (404, b""),
        (200, b"<html/>"),
        (207, b"not XML"),
        (207, b"<x/>"),
        (207, multi("/", "")),
        (207, b'<!DOCTYPE x [<!ENTITY a "b">]><d:multistatus xmlns:d="DAV:">&a;</d:multistatus>'),
        (500, b""),
    ],
)
def test_a_server_of_another_kind_is_explained(scripted: Scripted, status: int, content: bytes) -> None:
    source = DavServer(CALENDARS, PRIVATE)
    for path in ("/", "/.well-known/caldav"):
        scripted.answers[path] = status, {}, content
    with pytest.raises(Broken, match="does not offer this"):
        source.identify(Connection(token=known_of(source, scripted.address)))


@pytest.mark.parametrize(("status", "error"), [(401, NeedsLogin), (403, NeedsLogin), (429, TryLater), (503, TryLater)])
def test_failures_keep_their_meaning(scripted: Scripted, status: int, error: type[Exception]) -> None:
    source = DavServer(CALENDARS, PRIVATE)
    scripted.answers["/.well-known/caldav"] = status, {"Retry-After": "31"}, b""
    with pytest.raises(error) as told:
        source.identify(Connection(token=known_of(source, scripted.address)))
    assert getattr(told.value, "retry_after", 31) == 31


def test_a_redirect_of_the_well_known_address_is_followed(scripted: Scripted) -> None:
    """RFC 6764: it leads to the place of the service, and a loop of redirects ends."""
    source = DavServer(CALENDARS, PRIVATE)
    home = "<c:calendar-home-set><d:href>/home/</d:href></c:calendar-home-set>"
    principal = "<d:current-user-principal><d:href>/people/ann/</d:href></d:current-user-principal>"
    scripted.answers["/.well-known/caldav"] = 301, {"Location": "/dav/"}, b""
    scripted.answers["/dav/"] = 207, {}, multi("/dav/", principal + home)
    assert source.identify(Connection(token=known_of(source, scripted.address))).provider_account_id.startswith(
        "people/ann@"
    )
    scripted.answers["/.well-known/caldav"] = 301, {"Location": "/.well-known/caldav"}, b""
    with pytest.raises(Broken):
        source.identify(Connection(token=known_of(source, scripted.address)))


HOME = "<c:calendar-home-set><d:href>/home/</d:href></c:calendar-home-set>"
ANN = "<d:current-user-principal><d:href>{0}/people/ann/</d:href></d:current-user-principal>"


@pytest.mark.parametrize("named", ["", "{0}"])
def test_a_redirect_to_another_server_does_not_make_it_speak_for_the_first(scripted: Scripted, named: str) -> None:
    """Many servers have an address that redirects anywhere; who is behind it could be anybody."""
    source = DavServer(CALENDARS, PRIVATE)
    with serving(Scripted()) as other:
        scripted.answers["/out/"] = 307, {"Location": f"{other.address}/"}, b""
        other.answers["/"] = 207, {}, multi("/", ANN.format(named.format(scripted.address)) + HOME)
        owner = source.identify(Connection(token=known_of(source, f"{scripted.address}/out/"))).provider_account_id
    assert owner == f"people/ann@{other.address.removeprefix('http://')}"


@pytest.mark.parametrize("said", ["", "<d:current-user-principal><d:unauthenticated/></d:current-user-principal>"])
def test_nobody_is_identified_by_what_they_typed(scripted: Scripted, said: str) -> None:
    """A server that answers everybody, and does not say who is signed in, identifies nobody."""
    source = DavServer(CALENDARS, PRIVATE)
    for path in ("/people/ann/", "/.well-known/caldav"):
        scripted.answers[path] = 207, {}, multi(path, said + HOME)
    with pytest.raises(Broken, match="does not offer this"):
        source.identify(Connection(token=known_of(source, f"{scripted.address}/people/ann/")))


@pytest.mark.parametrize("address", ["http://[", "http://[x]/", "//a\u2100b/", "http://a:99999999/", "\u00e4:"])
def test_addresses_that_are_none_are_explained(scripted: Scripted, address: str) -> None:
    source = DavServer(CALENDARS, PRIVATE)
    home = "<c:calendar-home-set><d:href>{0}</d:href></c:calendar-home-set>"
    for properties in (ANN.replace("/people/ann/", "").format(address), ANN.format("") + home.format(address)):
        scripted.answers["/.well-known/caldav"] = 207, {}, multi("/", properties)
        connection = Connection(token=known_of(source, scripted.address))
        with pytest.raises(SourceFailure):
            list(source.fetch(connection, {ObjectType.EVENT: None}))
    scripted.answers["/.well-known/caldav"] = 307, {"Location": address.encode().decode("latin-1")}, b""
    with pytest.raises(SourceFailure):
        source.identify(connection)


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "127.0.0.1", "10.0.0.8", "http://dav.example.org"])
def test_only_public_servers_with_tls_are_reached(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what a person types nor where a server leads may be private, or without encryption."""
    source = DavServer(CALENDARS)
    with pytest.raises(Broken):
        source.identify(Connection(token=known_of(source, address)))


def test_the_samples_are_as_the_schemas_say() -> None:
    for kind in (CALENDARS, ADDRESS_BOOKS):
        source = DavServer(kind)
        connection: Any = Connection(sample="default", provider_account_id="s")
        objects, _ = read(source, connection)
        assert objects
