"""Tests of mail servers: at a small scripted server, and at Dovecot where it is installed."""

import base64
import os
import pwd
import shutil
import socket
import socketserver
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.object_schemas import check_objects
from tests.patience import GIVE_UP_SECONDS, wait_for
from tests.ports import free_port
from tests.threads import in_a_thread

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Broken, Connection, JsonObject, NeedsLogin, Page, SourceFailure, TryLater
from privateshare.sources.imap import connection as imap_connection
from privateshare.sources.imap.connection import _BoundedSocket, _PinnedImap, decoded_name
from privateshare.sources.imap.source import MailServer
from privateshare.sources.typed_servers import TypedServers

PRIVATE = TypedServers(private=True)


def message(number: int) -> bytes:
    date = f"{1 + number % 28} {('Jan', 'Feb', 'Mar')[number % 3]} 2026 10:{number % 60:02}:00 +0100"
    head = (
        f"From: Jo <jo@example.org>\r\nTo: ann@example.org\r\nMessage-ID: <m{number}@example.org>\r\nDate: {date}\r\n"
    )
    return f"{head}Subject: Mail {number}\r\n\r\nText {number}\r\n".encode()


@dataclass
class ImapServer:
    """A server that speaks as much IMAP as the client needs. `faults` has what commands answer first, by their name."""

    folders: dict[str, list[bytes]]
    flags: dict[str, str] = field(default_factory=dict)
    password: str = "app-password"
    validity: int = 7
    faults: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    told_sizes: dict[int, int] = field(default_factory=dict)
    address: str = ""

    def answer(self, handler: socketserver.StreamRequestHandler) -> None:
        selected: list[bytes] = []

        def send(*lines: str) -> None:
            handler.wfile.write("".join(f"{line}\r\n" for line in lines).encode())

        send("* OK ready")
        while line := handler.rfile.readline().decode().strip():
            tag, _, rest = line.partition(" ")
            command, _, given = rest.partition(" ")
            command = given.partition(" ")[0] if command == "UID" else command
            self.asked.append(rest)
            if self.faults.get(command):
                fault = self.faults[command].pop(0)
                if not fault:
                    return
                send(fault.format(tag=tag))
                continue
            if command == "CAPABILITY":
                send("* CAPABILITY IMAP4rev1")
            elif command == "LOGIN" and self.password not in given:
                send(f"{tag} NO [AUTHENTICATIONFAILED] Invalid credentials")
                continue
            elif command == "AUTHENTICATE":
                send("+ ")
                said = base64.b64decode(handler.rfile.readline()).decode()
                if said != "user=ann\x01auth=Bearer fresh-token\x01\x01":
                    send(f"{tag} NO [AUTHENTICATIONFAILED] no")
                    continue
            elif command == "LIST":
                send(*(f'* LIST ({self.flags.get(name, "")}) "/" "{name}"' for name in self.folders))
            elif command in ("SELECT", "EXAMINE"):
                selected = self.folders[given.strip('"')]
                send(f"* {len(selected)} EXISTS", f"* OK [UIDVALIDITY {self.validity}] x")
                send(f"* OK [UIDNEXT {len(selected) + 1}] x")
            elif command == "SEARCH":
                first = int(given.rpartition(" ")[2].partition(":")[0])
                numbers = range(min(first, len(selected)), len(selected) + 1)
                send(f"* SEARCH {' '.join(map(str, numbers))}")
            elif command == "FETCH":
                for number in map(int, given.split(" ")[1].split(",")):
                    data = selected[number - 1]
                    if "BODY" not in given:
                        size = self.told_sizes.get(number, len(data))
                        send(f"* {number} FETCH (UID {number} RFC822.SIZE {size})")
                        continue
                    handler.wfile.write(
                        f"* {number} FETCH (UID {number} RFC822.SIZE {len(data)} BODY[]<0> {{{len(data)}}}\r\n".encode()
                        + data
                        + b")\r\n"
                    )
            elif command == "LOGOUT":
                send("* BYE", f"{tag} OK")
                return
            send(f"{tag} OK done")


@contextmanager
def running(server: ImapServer) -> Iterator[ImapServer]:
    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True  # Each line would wait 40 ms for the confirmation of the one before.

        def handle(self) -> None:
            server.answer(self)

    with in_a_thread(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as at:
        server.address = f"http://{at}"
        yield server


@pytest.fixture
def server() -> Iterator[ImapServer]:
    folders = {"INBOX": [message(number) for number in range(120)], "Sent": [message(500)], "Junk": [message(600)]}
    with running(ImapServer(folders, flags={"Junk": "\\Junk", "Sent": "\\Sent"})) as server:
        yield server


def connected(address: str, password: str = "app-password") -> tuple[MailServer, Connection]:
    source = MailServer(PRIVATE)
    known = source.prepare({"server": address, "username": "ann", "password": password}, "")
    owner = source.identify(Connection(token=known)).provider_account_id
    return source, Connection(token=known, provider_account_id=owner)


def read(source: MailServer, connection: Connection, cursor: str | None = None) -> tuple[list[JsonObject], str | None]:
    found = [page for page in source.fetch(connection, {ObjectType.MAIL: cursor}) if isinstance(page, Page)]
    objects = [thing for page in found for thing in page.objects]
    check_objects(ObjectType.MAIL, objects)
    return objects, found[-1].cursor if found else cursor


def test_all_folders_are_read_but_those_of_unwanted_mail(server: ImapServer) -> None:
    source, connection = connected(server.address)
    objects, _ = read(source, connection)
    assert {thing["messageid"] for thing in objects} == {f"m{number}@example.org" for number in [*range(120), 500]}
    assert {thing["folder"] for thing in objects} == {"INBOX", "Sent"}
    assert connection.left_out.count == 0
    assert not any("STORE" in asked or "SELECT" in asked.split() for asked in server.asked)
    assert source.identify(connection).display_name == "ann"


def test_later_only_new_mail_is_read(server: ImapServer) -> None:
    source, connection = connected(server.address)
    _, cursor = read(source, connection)
    before = len(server.asked)
    assert read(source, connection, cursor) == ([], cursor)
    assert not any("FETCH" in asked for asked in server.asked[before:])
    server.folders["INBOX"].append(message(121))
    objects, cursor = read(source, connection, cursor)
    assert [thing["subject"] for thing in objects] == ["Mail 121"]
    server.validity = 8  # The server has numbered all messages anew.
    objects, _ = read(source, connection, cursor)
    assert len(objects) == len({thing["entityid"] for thing in objects}) == 122


def test_an_interrupted_reading_continues(server: ImapServer) -> None:
    source, connection = connected(server.address)
    server.faults["FETCH"] = []
    found: list[Page] = []
    reading = source.fetch(connection, {ObjectType.MAIL: None})
    first = next(reading)
    assert isinstance(first, Page)
    server.faults["FETCH"] = [""]  # The connection ends.
    with pytest.raises(TryLater):
        list(reading)
    objects, _ = read(source, connection, first.cursor)
    assert {thing["entityid"] for thing in [*first.objects, *objects]} >= {thing["entityid"] for thing in first.objects}
    assert len({thing["entityid"] for thing in [*first.objects, *objects]}) == 121
    assert len(objects) == 71
    assert not found


@pytest.mark.parametrize(
    ("command", "fault", "error"),
    [
        ("LOGIN", "{tag} NO [AUTHENTICATIONFAILED] no", NeedsLogin),
        ("LOGIN", "{tag} NO [UNAVAILABLE] later", TryLater),
        ("LOGIN", "", TryLater),
        ("CAPABILITY", "", TryLater),
        ("FETCH", "{tag} NO not now", TryLater),
        ("SEARCH", "", TryLater),
        ("LIST", "", TryLater),
    ],
)
def test_failures_keep_their_meaning(server: ImapServer, command: str, fault: str, error: type[SourceFailure]) -> None:
    source, connection = connected(server.address)
    server.faults[command] = [fault]
    with pytest.raises(error):
        read(source, connection)
    assert read(source, connection)[0]


def test_an_access_token_is_used_in_place_of_a_password(server: ImapServer) -> None:
    """XOAUTH2, for accounts with a token. One that has expired leads to a refresh."""
    source = MailServer(PRIVATE)
    known = source.prepare({"server": server.address, "username": "ann", "password": ""}, "")
    account = source.identify(Connection(token=known | {"access_token": "fresh-token"})).provider_account_id
    assert account == f"ann@{server.address.removeprefix('http://')}"
    with pytest.raises(NeedsLogin):
        source.identify(Connection(token=known | {"access_token": "old-token"}))


def test_a_wrong_password_is_refused(server: ImapServer) -> None:
    with pytest.raises(NeedsLogin):
        connected(server.address, "wrong")


@pytest.mark.parametrize("junk", [b"", b"\x00\xff" * 50, b"no headers at all", b"{" * 1000])
def test_a_message_that_cannot_be_read_is_counted(server: ImapServer, junk: bytes) -> None:
    server.folders["INBOX"].insert(3, junk)
    source, connection = connected(server.address)
    objects, _ = read(source, connection)
    assert len(objects) == 121
    assert connection.left_out.count == 1


def test_what_is_typed_is_not_an_imap_command(server: ImapServer) -> None:
    """A user name or password with a line break or quotes cannot send commands of its own."""
    for name, value in (("username", 'ann"\r\nx LOGOUT'), ("password", "p\r\nx LOGOUT")):
        source = MailServer(PRIVATE)
        known = source.prepare({"server": server.address, "username": "ann", "password": "x"} | {name: value}, "")
        with pytest.raises(SourceFailure):
            source.identify(Connection(token=known))
        assert "LOGOUT" not in [asked for asked in server.asked if asked.startswith("x ")]


def test_a_user_name_is_one_word_of_the_command(server: ImapServer) -> None:
    source = MailServer(PRIVATE)
    typed = {"server": server.address, "username": 'an "n\\', "password": "app-password"}
    source.identify(Connection(token=source.prepare(typed, "")))
    assert 'LOGIN "an \\"n\\\\" "app-password"' in server.asked


@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize("typed", ["ann\r\nx LOGOUT", "ann\0bob", "ann\x01auth=Bearer x"])
def test_control_characters_are_not_sent(server: ImapServer, field: str, typed: str) -> None:
    source = MailServer(PRIVATE)
    known = {"server": server.address, "username": "ann", "password": "app-password", field: typed}
    with pytest.raises(NeedsLogin):
        source.identify(Connection(token=source.prepare(known, "")))
    assert not any(asked.startswith("LOGIN") for asked in server.asked)


def test_who_has_another_name_or_port_is_another_person(server: ImapServer) -> None:
    """A server distinguishes what looks alike, and another port of the host may be anybody's server."""
    source, owners = MailServer(PRIVATE), set()
    with running(ImapServer({})) as other:
        for address, name in ((server.address, "ann"), (server.address, "Ann"), (other.address, "ann")):
            known = source.prepare({"server": address, "username": name, "password": "app-password"}, "")
            owners.add(source.identify(Connection(token=known)).provider_account_id)
    assert len(owners) == 3


ENDLESS = {
    "a literal": '* LIST () "/" {{99999999999999}}\r\nx',
    "a larger one": '* LIST () "/" {{' + "9" * 5000 + "}}\r\nx",
    "lines": '* LIST () "/" x\r\n' * 2000,
    "a line": "* LIST " + "x" * 40_000,
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_an_endless_response_is_ended(server: ImapServer, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the memory nor the time of the platform is the server's to use."""
    monkeypatch.setattr(imap_connection, "MAX_RESPONSE_BYTES", 16_000)
    monkeypatch.setattr(_PinnedImap.allow, "__defaults__", (16_000, 20.0))
    source, connection = connected(server.address)
    server.faults["LIST"] = [ENDLESS[kind]]
    with pytest.raises(TryLater):
        read(source, connection)


def fetched(server: ImapServer) -> list[int]:
    """Return how many messages each request for messages asked for."""
    return [len(asked.split()[2].split(",")) for asked in server.asked if "FETCH" in asked and "BODY" in asked]


def test_large_messages_are_fetched_in_small_parts(server: ImapServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A response is in memory as a whole, so one request asks for as many messages as a limit of bytes allows."""
    monkeypatch.setattr(imap_connection, "BYTES_PER_REQUEST", 1000)
    server.folders = {"INBOX": [message(number) + b"x" * 400 * (number < 4) for number in range(10)]}
    source, connection = connected(server.address)
    assert len(read(source, connection)[0]) == 10
    assert fetched(server) == [1, 1, 1, 4, 3]


def test_a_server_that_lies_about_sizes_is_ended(server: ImapServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that its messages are small, and sends large ones."""
    monkeypatch.setattr(imap_connection, "BYTES_PER_REQUEST", 1000)
    monkeypatch.setattr(imap_connection, "MAX_RESPONSE_BYTES", 1000)
    server.folders = {"INBOX": [message(number) + b"x" * 10_000 for number in range(5)]}
    server.told_sizes = dict.fromkeys(range(1, 6), 1)
    source, connection = connected(server.address)
    with pytest.raises(TryLater):
        read(source, connection)


def test_a_server_that_does_not_tell_sizes_is_asked_for_few(server: ImapServer) -> None:
    """Each message may be as large as the limit then, so that two are in one request."""
    server.folders = {"INBOX": [message(number) for number in range(5)]}
    server.faults["FETCH"] = ["{tag} OK done"]
    source, connection = connected(server.address)
    assert len(read(source, connection)[0]) == 5
    assert fetched(server) == [2, 2, 1]


def test_what_a_server_lists_is_fetched_once(server: ImapServer) -> None:
    """Numbers that it repeats would be fetched again and again, and one with thousands of digits is no number."""
    server.folders = {"INBOX": [message(number) for number in range(5)]}
    server.faults["SEARCH"] = [f"* SEARCH {'2 ' * 100_000}{'9' * 5000} 4 -1 1\r\n{{tag}} OK done"]
    source, connection = connected(server.address)
    assert len(read(source, connection)[0]) == 3
    assert fetched(server) == [3]


@pytest.mark.parametrize("digits", [11, 25, 5000])
def test_a_number_of_too_many_digits_is_none(server: ImapServer, digits: int) -> None:
    """The numbers of a folder are stored, and a very long one cannot be."""
    told = f"* 120 EXISTS\r\n* OK [UIDVALIDITY {'9' * digits}] x\r\n* OK [UIDNEXT {'9' * digits}] x\r\n"
    server.folders = {"INBOX": [message(number) for number in range(5)]}
    server.faults["EXAMINE"] = [f"{told}{{tag}} OK done"]
    source, connection = connected(server.address)
    with suppress(TryLater):  # imaplib itself ends the connection at some of them.
        assert read(source, connection)[0] == []


@pytest.mark.parametrize("command", ["LOGIN", "CAPABILITY"])
@pytest.mark.parametrize("digits", [14, 5000])
def test_an_endless_response_to_the_password_is_ended(server: ImapServer, command: str, digits: int) -> None:
    server.faults[command] = ["* X {{" + "9" * digits + "}}\r\nx"]
    with pytest.raises(SourceFailure):
        connected(server.address)


def test_a_server_that_sends_slowly_is_not_waited_for() -> None:
    """Each byte comes in time, and all of them never do."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream, received = _BoundedSocket(ours), 0
        stream.allow(1000, 0.1)
        with pytest.raises(OSError, match="takes too long"):  # noqa: PT012 - It may be any of them.
            while received < 1000:
                theirs.send(b"x")
                received += stream.readinto(bytearray(1))
                time.sleep(0.01)
    assert received < 1000


def test_the_password_is_not_shown(server: ImapServer) -> None:
    source, connection = connected(server.address)
    assert "app-password" not in f"{connection!r} {source!r} {source.identify(connection)!r}"


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.8", "169.254.169.254", "localhost.localdomain"])
def test_only_public_servers_are_reached(address: str) -> None:
    source = MailServer()
    known = source.prepare({"server": address, "username": "a", "password": "b"}, "")
    with pytest.raises(Broken, match="cannot be found"):
        source.identify(Connection(token=known))


@pytest.mark.parametrize(
    ("name", "shown"), [("INBOX", "INBOX"), ("Entw&APw-rfe", "Entwürfe"), ("A &- B", "A & B"), ("&!!-", "&!!-")]
)
def test_names_of_folders_are_decoded(name: str, shown: str) -> None:
    assert decoded_name(name) == shown


def test_the_sample_is_as_the_schema_says() -> None:
    assert read(MailServer(), Connection(sample="default", provider_account_id="s"))[0]


DOVECOT = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
log_path = {folder}/log
ssl = {ssl}
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:{folder}/mail/%u
first_valid_uid = 1
passdb {{
  driver = static
  args = password=app-password
}}
userdb {{
  driver = static
  args = uid={user} gid={user} home={folder}/mail/%u
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
namespace inbox {{
  inbox = yes
  mailbox Junk {{
    auto = create
    special_use = \\Junk
  }}
  mailbox Entwürfe {{
    auto = create
    special_use = \\Sent
  }}
}}
"""


@pytest.fixture(scope="module")
def dovecot() -> Iterator[tuple[str, Path]]:
    """Provide the address of Dovecot, and the folder of a person's mail."""
    if shutil.which("dovecot") is None or os.geteuid() != 0:
        pytest.skip("Dovecot is not installed, or this user may not start it: apt-get install dovecot-imapd")
    port = free_port()
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        inbox = folder / "mail" / "ann"
        for part in ("cur", "new", "tmp"):
            (inbox / part).mkdir(parents=True)
        for number in range(130):
            (inbox / "cur" / f"{number}.x:2,").write_bytes(message(number))
        for path in [folder / "mail", *(folder / "mail").rglob("*")]:
            os.chown(path, nobody.pw_uid, nobody.pw_uid)
        configuration = DOVECOT.format(folder=folder, port=port, user=nobody.pw_uid, ssl="no")
        (folder / "dovecot.conf").write_text(
            configuration.replace(f"ssl_cert = <{folder}/cert.pem\n", "").replace(f"ssl_key = <{folder}/key.pem\n", "")
        )
        process = subprocess.Popen(["dovecot", "-F", "-c", str(folder / "dovecot.conf")])

        def is_ready() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        try:
            wait_for(is_ready)
            yield f"http://127.0.0.1:{port}", inbox
        finally:
            process.terminate()
            process.wait(GIVE_UP_SECONDS)


@pytest.mark.slow
def test_dovecot(dovecot: tuple[str, Path]) -> None:
    """With real server software: sign in, read all, read what is new, and be refused."""
    address, inbox = dovecot
    source, connection = connected(address)
    objects, cursor = read(source, connection)
    assert {thing["messageid"] for thing in objects} == {f"m{number}@example.org" for number in range(130)}
    assert read(source, connection, cursor)[0] == []
    new: Any = inbox / "new" / "131.y"
    new.write_bytes(message(131))
    os.chown(new, inbox.stat().st_uid, inbox.stat().st_gid)
    assert [thing["subject"] for thing in read(source, connection, cursor)[0]] == ["Mail 131"]
    with pytest.raises(NeedsLogin):
        connected(address, "wrong")
    assert (inbox / "cur" / "5.x:2,").exists()  # Reading does not mark messages as read.
