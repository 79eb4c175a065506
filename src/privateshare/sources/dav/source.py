"""The sources calendar server (CalDAV, RFC 4791) and address book server (CardDAV, RFC 6352).

The person types an address, a user name and an app password, which is stored encrypted as tokens are. All is read anew
if anything has changed, which servers tell by a tag of each calendar.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

import orjson

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.archive import UploadedFile
from privateshare.sources.calendar_file.components import NotACalendar
from privateshare.sources.calendar_file.reading import events_of
from privateshare.sources.calendar_file.sample import sample_files as sample_calendars
from privateshare.sources.contact_file.reading import NoContacts, contacts_of
from privateshare.sources.contact_file.sample import sample_files as sample_contacts
from privateshare.sources.contract import (
    Brand,
    Broken,
    Connection,
    Covered,
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
from privateshare.sources.dav.client import CALDAV, CARDDAV, DavClient, named
from privateshare.sources.dav.configuration import Settings
from privateshare.sources.dav.multistatus import DAV, MAX_RESOURCES, DavResource, NotDav
from privateshare.sources.failures import UNKNOWN, LeftOut
from privateshare.sources.object_building import Mapped, SourceAccount, account_of, text_of
from privateshare.sources.page_building import pages
from privateshare.sources.typed_servers import TypedServers, host_of

CALENDAR_SERVER = "http://calendarserver.org/ns/"
RESOURCES_PER_REQUEST = 50
MAX_COLLECTIONS = 300
SIGN_IN_SECONDS = 20  # A person waits for each of the responses.
OK = 200

Reader = Callable[[UploadedFile, SourceAccount, LeftOut], Iterator[Mapped]]


@dataclass(frozen=True, slots=True)
class Principal:
    """The address that a server names for the person who is signed in, and the host that named it."""

    address: str
    server: str


@dataclass(frozen=True, slots=True)
class DavKind:
    """What calendars and address books differ in: their names in the protocol, and the reader of their data."""

    id: int
    object_type: int
    space: str
    service: str
    home: str
    collection: str
    report: str
    data: str
    ending: str
    read: Reader
    sample_files: Callable[[datetime], Iterable[UploadedFile]]
    sample: Sample
    colour: str


CALENDARS = DavKind(
    9061,
    ObjectType.EVENT,
    CALDAV,
    "caldav",
    "calendar-home-set",
    "calendar",
    "calendar-multiget",
    "calendar-data",
    ".ics",
    events_of,
    sample_calendars,
    Sample("default", "A calendar", "Appointments of a year of an invented person."),
    "#8a3b12",
)
ADDRESS_BOOKS = DavKind(
    9062,
    ObjectType.CONTACT,
    CARDDAV,
    "carddav",
    "addressbook-home-set",
    "addressbook",
    "addressbook-multiget",
    "address-data",
    ".vcf",
    contacts_of,
    sample_contacts,
    Sample("default", "An address book", "Contacts of an invented person."),
    "#2e6b3f",
)


class DavServer:
    """The sources 9061 and 9062."""

    def __init__(self, kind: DavKind, servers: TypedServers | None = None) -> None:
        self._kind, self._servers = kind, servers or TypedServers()
        self.info = SourceInfo(
            id=kind.id,
            service_type=kind.id,
            service_group=ServiceGroup.SOCIAL,
            object_types=(kind.object_type,),
            schema=ObjectSchema("digime", "1.0.0"),
            samples=(kind.sample,),
            brand=Brand(kind.colour),
            asks=(
                Question("server", "Your server", "server", "The address that your provider names.", "dav.example.org"),
                Question("username", "Your user name there"),
                Question("password", "App password", "password", "Make one for this in the settings of your provider."),
            ),
        )

    def prepare(self, answers: Mapping[str, str], redirect_uri: str) -> JsonObject:
        """Return what is stored. Raises Broken if the address is none."""
        del redirect_uri
        server = self._servers.address(answers["server"])
        return {"server": server, "username": answers["username"], "password": answers["password"]}

    def identify(self, connection: Connection) -> Identity:
        """Return the owner of the account, whom the server names. Raises NeedsLogin, TryLater or Broken."""
        if connection.sample is not None:
            return Identity(f"sampleDataSet-{connection.sample}", f"Sample: {connection.sample}", "USER")
        known = self._known(connection)
        with DavClient(self._servers, known, SIGN_IN_SECONDS) as client:
            principal, _ = self._home(client, known)
        # After a redirect, the server that answered: whoever can make the first one redirect does not speak for it.
        own_id, host = urlsplit(principal.address).path.strip("/"), principal.server
        return Identity(f"{own_id or known['username']}@{host}", f"{known['username']} ({host})", "USER")

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page | Skipped]:
        """Yield all objects if anything has changed. Raises NeedsLogin, TryLater or Broken."""
        kind = self._kind
        if kind.object_type not in cursors:
            return
        account, cursor = account_of(kind.id, connection.provider_account_id), cursors[kind.object_type]
        if connection.sample is not None:
            files = kind.sample_files(datetime.now(UTC))
            yield from pages(mapped for file in files for mapped in kind.read(file, account, connection.left_out))
            return
        known, is_whole = self._known(connection), True
        with DavClient(self._servers, known) as client:
            before = connection.left_out.count
            collections = self._collections(client, known, connection.left_out)
            tags = orjson.dumps({one.address: _tag(one) for one in collections}).decode()
            if cursor == tags and all(_tag(one) for one in collections):
                return
            for one in collections:
                found = self._objects(client, one, account, connection)
                yield from pages(found)
            is_whole = connection.left_out.count == before
        yield Page(kind.object_type, (), tags, covered=Covered() if is_whole else None)

    def _known(self, connection: Connection) -> JsonObject:
        if connection.token is None:
            raise NeedsLogin("nobody is signed in")
        return connection.token

    def _home(self, client: DavClient, known: JsonObject) -> tuple[Principal, str]:
        """Find the address of the person, and that of their calendars. RFC 6764."""
        typed = known["server"]
        well_known = f"{typed.partition('://')[0]}://{host_of(typed)}/.well-known/{self._kind.service}"
        starts = [typed, well_known] if urlsplit(typed).path.strip("/") else [well_known, typed]
        for start in starts:
            try:
                found = client.find(start, 0, (DAV, "current-user-principal"), (self._kind.space, self._kind.home))
                principal = named(found, DAV, "current-user-principal")
                if principal is None:  # The server does not say who is signed in. What was typed does not prove it.
                    continue
                home = named(found, self._kind.space, self._kind.home)
                home = home or named(client.find(principal, 0, (self._kind.space, self._kind.home)), *self._of_home)
            except NotDav:
                continue
            if home is not None:
                return Principal(principal, found[0].server), home
        raise Broken(
            "%(server)s does not offer this. Check the address in the settings of your provider.",
            server=host_of(typed),
        )

    @property
    def _of_home(self) -> tuple[str, str]:
        return self._kind.space, self._kind.home

    def _collections(self, client: DavClient, known: JsonObject, left_out: LeftOut) -> list[DavResource]:
        _, home = self._home(client, known)
        names = ((DAV, "resourcetype"), (DAV, "displayname"), (DAV, "sync-token"), (CALENDAR_SERVER, "getctag"))
        try:
            found = client.find(home, 1, *names)
        except NotDav as error:
            raise Broken(
                "%(server)s does not offer this. Check the address in the settings of your provider.",
                server=host_of(known["server"]),
            ) from error
        collections = [one for one in found if one.has(self._kind.space, self._kind.collection)]
        left_out.leave_out(UNKNOWN, self._kind.object_type, max(0, len(collections) - MAX_COLLECTIONS))
        return collections[:MAX_COLLECTIONS]

    def _objects(
        self, client: DavClient, collection: DavResource, account: SourceAccount, connection: Connection
    ) -> Iterator[Mapped]:
        """Yield what is in a collection. `connection.admit` is called before each request."""
        kind, left_out, name = self._kind, connection.left_out, collection.text(DAV, "displayname")
        shown = name or PurePosixPath(unquote(urlsplit(collection.address).path)).name
        try:
            connection.admit()
            listed = client.find(collection.address, 1, (DAV, "getetag"), (DAV, "resourcetype"))
            left_out.leave_out(UNKNOWN, kind.object_type, len(listed) == MAX_RESOURCES)  # There are more.
            addresses = [one.address for one in listed if not one.has(DAV, "collection")]
            for start in range(0, len(addresses), RESOURCES_PER_REQUEST):
                wanted = addresses[start : start + RESOURCES_PER_REQUEST]
                paths = "".join(f"<d:href>{escape(urlsplit(address).path)}</d:href>" for address in wanted)
                body = (
                    f'<?xml version="1.0"?><c:{kind.report} xmlns:d="{DAV}" xmlns:c="{kind.space}">'
                    f"<d:prop><d:getetag/><c:{kind.data}/></d:prop>{paths}</c:{kind.report}>"
                )
                connection.admit()
                for one in client.report(collection.address, body):
                    yield from self._of_resource(one, shown, account, left_out)
        except NotDav:
            left_out.leave_out(UNKNOWN, kind.object_type)

    def _of_resource(self, one: DavResource, name: str, account: SourceAccount, left_out: LeftOut) -> Iterator[Mapped]:
        kind, text = self._kind, one.whole_text(self._kind.space, self._kind.data)
        if text is None:  # It was deleted between the two requests, or the server does not say it.
            left_out.leave_out(UNKNOWN, kind.object_type)
            return
        data = text.encode()
        file = UploadedFile(f"{name}{kind.ending}", lambda: nullcontext(io.BytesIO(data)), len(data))
        try:
            yield from kind.read(file, account, left_out)
        except (NotACalendar, NoContacts):
            left_out.leave_out(UNKNOWN, kind.object_type)


def _tag(collection: DavResource) -> str:
    """Return what changes with the content of a collection; empty if the server does not say it."""
    return text_of(collection.text(CALENDAR_SERVER, "getctag") or collection.text(DAV, "sync-token"))


def configured(settings: Settings) -> Sequence[DavServer]:
    """Return the sources with these settings."""
    servers = TypedServers(private=settings.private_addresses)
    return (DavServer(CALENDARS, servers), DavServer(ADDRESS_BOOKS, servers))


SOURCES = (DavServer(CALENDARS), DavServer(ADDRESS_BOOKS))
