"""The source mail server: the mail of a person at any IMAP server."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from urllib.parse import urlsplit

import orjson

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import (
    Brand,
    Connection,
    Identity,
    JsonObject,
    NeedsLogin,
    ObjectSchema,
    Page,
    Question,
    Sample,
    Skipped,
    SourceInfo,
)
from privateshare.sources.failures import UNKNOWN, LeftOut
from privateshare.sources.imap.configuration import Settings
from privateshare.sources.imap.connection import TLS_PORT, Folder, Mailbox
from privateshare.sources.mail_file.mailbox_files import NotMail
from privateshare.sources.mail_file.reading import mails_of
from privateshare.sources.mail_file.sample import sample_files
from privateshare.sources.object_building import Mapped, SourceAccount, account_of
from privateshare.sources.page_building import pages
from privateshare.sources.typed_servers import TypedServers

ID = 9060

Positions = dict[str, list[int]]
"""For each folder its validity, and the number from which the next reading goes on."""


class MailServer:
    """The source 9060."""

    info = SourceInfo(
        id=ID,
        service_type=ID,
        service_group=ServiceGroup.SOCIAL,
        object_types=(ObjectType.MAIL,),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "A mailbox", "A year of mail of an invented person."),),
        brand=Brand("#274b8f"),
        asks=(
            Question("server", "Your mail server (IMAP)", "server", "Your provider names it.", "imap.example.org"),
            Question("username", "Your user name there", example="ann@example.org"),
            Question("password", "App password", "password", "Make one for this in the settings of your provider."),
        ),
        resumes=True,
    )

    def __init__(self, servers: TypedServers | None = None) -> None:
        self._servers = servers or TypedServers()

    def prepare(self, answers: Mapping[str, str], redirect_uri: str) -> JsonObject:
        """Return what is stored. Raises Broken if the address is none."""
        del redirect_uri
        parts = urlsplit(self._servers.origin(answers["server"]))
        known = {"host": parts.hostname, "port": parts.port or TLS_PORT}
        return known | {"username": answers["username"], "password": answers["password"]}

    def identify(self, connection: Connection) -> Identity:
        """Sign in, and return the user name at this server as the owner. Raises NeedsLogin, TryLater or Broken."""
        if connection.sample is not None:
            return Identity(f"sampleDataSet-{connection.sample}", f"Sample: {connection.sample}", "USER")
        known = _known(connection)
        with Mailbox(self._servers, known):
            # The user name as it was typed: what differs in case or in letters that look alike may be another person.
            return Identity(f"{known['username']}@{_server_of(known)}", str(known["username"]), "USER")

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page | Skipped]:
        """Yield the mail that arrived since the cursor. Raises NeedsLogin, TryLater or Broken."""
        if ObjectType.MAIL not in cursors:
            return
        account = account_of(ID, connection.provider_account_id)
        if connection.sample is not None:
            files = sample_files(datetime.now(UTC))
            yield from pages(mail for file in files for mail in mails_of(file, account, connection.left_out))
            return
        positions = _decode(cursors[ObjectType.MAIL])
        with Mailbox(self._servers, _known(connection)) as mailbox:
            for folder in mailbox.folders():
                yield from _of_folder(mailbox, folder, positions, account, connection.left_out)


def _of_folder(
    mailbox: Mailbox, folder: Folder, positions: Positions, account: SourceAccount, left_out: LeftOut
) -> Iterator[Page]:
    validity, since = positions.get(folder.name, [folder.validity, 1])
    if validity != folder.validity:  # The server has numbered the messages anew.
        since = 1
    if folder.next_number and since >= folder.next_number:
        return
    numbers = mailbox.numbers(since)
    for part in mailbox.batches(numbers):
        mails = [mail for data in mailbox.messages(part) for mail in _mails(data, folder.shown, account, left_out)]
        positions[folder.name] = [folder.validity, part[-1] + 1]
        found = list(pages(mails))
        yield from found[:-1]
        last = found[-1].objects if found else ()
        yield Page(ObjectType.MAIL, last, orjson.dumps(positions).decode())


def _mails(data: bytes, folder: str, account: SourceAccount, left_out: LeftOut) -> Iterator[Mapped]:
    file = UploadedFile(f"{folder}/message.eml", lambda: nullcontext(io.BytesIO(data)), len(data))
    try:
        yield from mails_of(file, account, left_out)
    except NotMail:
        left_out.leave_out(UNKNOWN, ObjectType.MAIL)


def _known(connection: Connection) -> JsonObject:
    if connection.token is None:
        raise NeedsLogin("nobody is signed in")
    return connection.token


def _server_of(known: JsonObject) -> str:
    """Return the host with its port, unless that is the usual one: another port may be the server of somebody else."""
    return str(known["host"]) if known["port"] == TLS_PORT else f"{known['host']}:{known['port']}"


def _decode(cursor: str | None) -> Positions:
    """Decode a stored cursor. One that cannot be read counts as none."""
    try:
        stored = orjson.loads(cursor or "{}")
        return {str(name): [int(validity), int(since)] for name, (validity, since) in stored.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def configured(settings: Settings) -> Sequence[MailServer]:
    """Return the source with these settings."""
    return (MailServer(TypedServers(private=settings.private_addresses)),)


SOURCES = (MailServer(),)
