"""The source for any hospital, insurer or doctor with a FHIR server, which a person names or finds in a directory.

Apps get FHIR R4, whatever the version of the server: resources of STU3, R4B and R5 are converted.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock

import httpx2

from privateshare.protocol.catalogue import ServiceGroup, ServiceType
from privateshare.sources.contract import (
    Brand,
    Broken,
    Connection,
    Identity,
    JsonObject,
    ObjectSchema,
    Page,
    Question,
    Sample,
    SignIn,
    Skipped,
    Source,
    SourceInfo,
)
from privateshare.sources.failures import LeftOut
from privateshare.sources.fhir_file.mapping import SCHEMA_VERSION
from privateshare.sources.fhir_file.patient import patient_name
from privateshare.sources.fhir_file.record import OTHER_VERSION, converted_text
from privateshare.sources.fhir_file.sample import sample_resources
from privateshare.sources.fhir_file.versions import is_r4
from privateshare.sources.fhir_server.configuration import USUAL_TYPES
from privateshare.sources.fhir_server.granted_scopes import missing_types
from privateshare.sources.fhir_server.requests import Refused, get_resource, open_fhir
from privateshare.sources.fhir_server.search import Search, find_pages, page_of_one
from privateshare.sources.health_provider.compartment import COMPARTMENT, PATIENT, searches_of
from privateshare.sources.health_provider.configuration import RegisteredClient, Settings
from privateshare.sources.health_provider.discovery import SmartServer, find_server, read_server
from privateshare.sources.health_provider.exporting import PatientExport
from privateshare.sources.health_provider.registering import register
from privateshare.sources.health_provider.scopes import wanted_scope
from privateshare.sources.page_building import pages
from privateshare.sources.typed_servers import TypedServers, host_of
from privateshare.sources.web import ServerReach

ID = 9063
CACHE_SECONDS = 3600
MAX_CACHED_SERVERS = 500
FORBIDDEN = 403
R4 = ("4.0", "4.1", "4.3")  # R4B differs from R4 only in types that are not about a person.

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


class HealthProvider:
    """The source 9063."""

    info = SourceInfo(
        id=ID,
        service_type=ServiceType.FHIR_SERVER,
        service_group=ServiceGroup.MEDICAL,
        object_types=tuple(COMPARTMENT.values()),
        schema=ObjectSchema("fhir", SCHEMA_VERSION),
        samples=(Sample("default", "A patient", "An invented person with asthma, some visits, values and vaccines."),),
        signs_in=True,
        brand=Brand("#0b6e4f", "M4 21V8h4V3h8v5h4v13h-6v-5h-4v5Zm7-15.5V7H9.5v2H11v1.5h2V9h1.5V7H13V5.5Z"),
        asks=(
            Question(
                "server",
                "Address of the hospital's server (FHIR)",
                "server",
                "Your hospital or its patient portal names it.",
                "fhir.example.org/r4",
            ),
        ),
        resumes=True,
        has_directory=True,
    )

    def __init__(
        self,
        servers: TypedServers | None = None,
        clients: Sequence[RegisteredClient] = (),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._servers, self._clock, self._sleep = servers or TypedServers(), clock, sleep
        self._by_server = {one.server: one for one in clients if one.server is not None}
        self._by_brands = {one.brands: one for one in clients if one.brands is not None}
        self._known: dict[str, tuple[float, SmartServer]] = {}
        self._lock = Lock()

    # --- signing in ---

    def prepare(self, answers: Mapping[str, str], redirect_uri: str) -> JsonObject:
        """Find the server whose address a person typed, or chose by its name. Raises Broken or TryLater.

        Of a provider in the directory, the answers also have its name, and the name of the list that it is from.
        """
        del redirect_uri
        server = find_server(self._servers, answers["server"])
        self._remember(server)
        known: JsonObject = {"server": server.base, "name": answers.get("name") or host_of(server.base)}
        if answers.get("brands"):
            known["brands"] = answers["brands"]
        if self._client(known) is None and server.registration_endpoint is None:
            raise Broken(
                "%(server)s accepts only platforms that it knows, and does not know this one. "
                "Ask those who run this platform to register it there, or export your record and upload the file.",
                server=known["name"],
            )
        return known

    def registers_at(self, known: JsonObject) -> str | None:
        """Return the server, unless the operator registered the platform there."""
        return str(known["server"]) if self._client(known) is None else None

    def register(self, known: JsonObject, redirect_uri: str) -> JsonObject:
        """Register the platform at the server. Raises Broken or TryLater."""
        server = self._server(known)
        return register(self._servers, server, redirect_uri, self._scope(server))

    def sign_in(self, known: JsonObject) -> SignIn:
        """Return the parameters of the sign-in at the server. Raises Broken or TryLater."""
        server, client = self._server(known), self._client(known)
        secret = client.client_secret if client else None
        key = client.private_key if client else None
        return SignIn(
            authorization_endpoint=server.authorization_endpoint,
            token_endpoint=server.token_endpoint,
            revocation_endpoint=server.revocation_endpoint,
            client_id=client.client_id if client else known["client_id"],
            client_secret=(secret.get_secret_value() if secret else None) if client else known.get("client_secret"),
            client_authentication=client.authentication
            if client
            else known.get("client_authentication", "client_secret_basic"),
            private_key=key.get_secret_value() if key else None,
            pushed_authorization_endpoint=server.pushed_authorization_endpoint,
            scope=client.scope if client and client.scope else self._scope(server),
            issuer=server.issuer,
            extra={"aud": server.base},  # Restricts the token to this server.
            named_by_person=self._servers.reach is ServerReach.PUBLIC,
        )

    def _client(self, known: JsonObject) -> RegisteredClient | None:
        return self._by_server.get(str(known["server"])) or self._by_brands.get(str(known.get("brands")))

    @staticmethod
    def _scope(server: SmartServer) -> str:
        return wanted_scope(server, _offered(server))

    def _server(self, known: JsonObject) -> SmartServer:
        """Return what a server says of itself, read at most once an hour."""
        base = str(known["server"])
        with self._lock:
            found = self._known.get(base)
        if found is not None and found[0] > self._clock():
            return found[1]
        return self._remember(read_server(self._servers, base))

    def _remember(self, server: SmartServer) -> SmartServer:
        with self._lock:
            while len(self._known) >= MAX_CACHED_SERVERS:
                self._known.pop(next(iter(self._known)))
            self._known[server.base] = self._clock() + CACHE_SECONDS, server
        return server

    # --- reading ---

    def identify(self, connection: Connection) -> Identity:
        """Return the patient that the token is for, at this server. Raises TryLater, NeedsLogin or Broken."""
        if connection.sample is not None:
            return Identity(f"sampleDataSet-{connection.sample}", f"Sample: {connection.sample}", "USER")
        token = connection.token or {}
        patient, name = str(token.get("patient") or ""), str(token.get("name"))
        if not _ID.fullmatch(patient):
            raise Broken(
                "%(name)s does not say whose record this is. Sign in there as the person it is about.", name=name
            )
        with open_fhir(token, reach=self._servers.reach) as client:
            try:
                resource = get_resource(client, f"{token['server']}/Patient/{patient}").resource
            except Refused:  # A server that does not provide the Patient may provide other resources.
                resource = {}
        return Identity(f"{token['server']}/Patient/{patient}", f"{patient_name(resource)} · {name}", "USER")

    def not_granted(self, token: JsonObject) -> Sequence[int]:
        """Return what the server offers, and the token does not allow to read. Raises TryLater or Broken."""
        missing = missing_types(token.get("scope"), _offered(self._server(token)))
        return [COMPARTMENT[one.resource_type] for one in missing]

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page | Skipped]:
        """Yield the patient's resources of these types, changed since their cursors. Raises TryLater or NeedsLogin."""
        if connection.sample is not None:
            yield from pages(_of_sample(connection.sample, cursors))
            return
        token = connection.token or {}
        with open_fhir(token, reach=self._servers.reach) as client:
            server = self._server(token)
            missing = {one.resource_type: one for one in missing_types(token.get("scope"), _offered(server))}
            wanted = {name: COMPARTMENT[name] for name in _offered(server) if COMPARTMENT[name] in cursors}
            export = PatientExport(client, server, connection, self._servers.reach, self._sleep)
            granted = {name: cursors[object_type] for name, object_type in wanted.items() if name not in missing}
            for page in export.pages(granted):
                yield _as_r4(page, server, connection.left_out)
            for name, object_type in wanted.items():
                if name in export.done:
                    continue
                lack = missing.get(name)
                if lack is not None and not lack.is_partial:
                    yield Skipped(object_type, "NotGranted", f"The person did not allow to read {name}", FORBIDDEN)
                    continue
                try:
                    for page in _of_type(client, server, token, name, cursors[object_type], is_whole=lack is None):
                        yield _as_r4(page, server, connection.left_out)
                except Refused as refused:
                    message = f"The source did not provide {name} (HTTP status {refused.status})"
                    yield Skipped(object_type, refused.code, message, refused.status)


def _offered(server: SmartServer) -> list[str]:
    """Return the types that are read of a server: those that it has, or the usual ones if it does not say."""
    types = [name for name in COMPARTMENT if name == PATIENT or searches_of(server, name)]
    return types if server.types else [name for name in types if name in USUAL_TYPES]


def _of_type(
    client: httpx2.Client,
    server: SmartServer,
    token: JsonObject,
    name: str,
    cursor: str | None,
    *,
    is_whole: bool,
) -> Iterator[Page]:
    patient, object_type = str(token["patient"]), COMPARTMENT[name]
    if name == PATIENT:
        address = f"{server.base}/{PATIENT}/{patient}"
        yield page_of_one(object_type, get_resource(client, address), address)
        return
    searches = [
        Search(
            server.base,
            type_there,
            patient,
            parameter=parameter,
            shows_history=type_there in server.types and server.types[type_there].shows_history,
            is_allowed_whole=is_whole,
        )
        for type_there, parameter in searches_of(server, name)
    ]
    yield from find_pages(client, searches, object_type, cursor)


def _as_r4(page: Page, server: SmartServer, left_out: LeftOut) -> Page:
    """Convert the resources of a page to R4. Those that cannot be converted are counted as left out."""
    if server.version.startswith(R4):
        left_out.read += len(page.objects)
        return page
    found = list[tuple[JsonObject, bytes]]()
    for thing, text in zip(page.objects, page.texts or (), strict=True):
        as_r4 = (thing, text) if is_r4(thing) else converted_text(text)
        if as_r4 is None:
            left_out.leave_out(OTHER_VERSION, page.object_type)
        else:
            left_out.read += 1
            found.append(as_r4)
    return replace(page, objects=[thing for thing, _ in found], texts=[text for _, text in found])


def _of_sample(sample: str, wanted: Mapping[int, str | None]) -> Iterator[tuple[int, JsonObject]]:
    for resource in sample_resources(sample, datetime.now(UTC)):
        object_type = COMPARTMENT.get(resource["resourceType"])
        if object_type in wanted and object_type is not None:
            yield object_type, resource


def configured(settings: Settings) -> Sequence[Source]:
    """Return the source with these settings."""
    return (HealthProvider(TypedServers(private=settings.private_addresses), settings.clients),)


SOURCES: Sequence[Source] = (HealthProvider(),)
