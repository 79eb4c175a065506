"""The source for FHIR servers with a SMART on FHIR sign-in. Resources are stored and delivered unchanged."""

import re
from collections.abc import Iterator, Mapping, Sequence

from privateshare.protocol.catalogue import CatalogueSource, ServiceGroup, ServiceType, SourceType
from privateshare.sources.contract import (
    Broken,
    Connection,
    Identity,
    JsonObject,
    MedMijService,
    ObjectSchema,
    Page,
    PushAnswer,
    SignIn,
    Skipped,
    SourceInfo,
)
from privateshare.sources.fhir_file.mapping import OBJECT_TYPES
from privateshare.sources.fhir_file.patient import patient_name
from privateshare.sources.fhir_server.configuration import VERSIONS, FhirServerSettings
from privateshare.sources.fhir_server.granted_scopes import missing_types, readable_type
from privateshare.sources.fhir_server.pushing import MAX_CREATED_BYTES, create
from privateshare.sources.fhir_server.requests import Refused, get_resource, open_fhir
from privateshare.sources.fhir_server.search import OTHER_PARAMETERS, USUAL_PARAMETER, Search, find_pages, page_of_one
from privateshare.sources.fhir_server.smart import SmartConfiguration

PLATFORMS = (3, 4, 5)  # The ids of iOS, Android and web in the catalogue.
FHIR = "fhir"

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


class FhirServer:
    """A FHIR server, with a source id of 9100 or higher. MedMij data services have service type 37, others 9100."""

    def __init__(self, settings: FhirServerSettings) -> None:
        self._settings = settings
        self._smart = SmartConfiguration(settings)
        self._types = {OBJECT_TYPES[name]: name for name in settings.resource_types}
        version, known = VERSIONS[settings.version], settings.medmij
        service_type = ServiceType.MEDMIJ if known else ServiceType.FHIR_SERVER
        self.info = SourceInfo(
            id=settings.id,
            service_type=service_type,
            service_group=ServiceGroup.MEDICAL,
            object_types=tuple(self._types),
            schema=ObjectSchema(FHIR, version),
            signs_in=True,
            takes={(FHIR, settings.version), (FHIR, version)} if settings.push else (),
            medmij=MedMijService(known.provider, known.data_service) if known else None,
        )
        self.listing = CatalogueSource(
            id=settings.id,
            name=settings.name,
            reference=f"{'medmij' if known else 'fhirserver'}{settings.id}",
            service_type=service_type,
            groups=(ServiceGroup.MEDICAL,),
            countries=(),
            types=(SourceType.PULL, SourceType.PUSH) if settings.push else (SourceType.PULL,),
            platforms=PLATFORMS,
        )

    def sign_in(self, known: JsonObject) -> SignIn:
        """Return the sign-in parameters of the server's SMART configuration. Raises TryLater or Broken."""
        del known
        return self._smart.sign_in()

    def not_granted(self, token: JsonObject) -> Sequence[int]:
        """Return the types that the token does not allow to read; none if its scope is not one of SMART."""
        scope = token.get("scope")
        is_smart = isinstance(scope, str) and any(readable_type(one) is not None for one in scope.split())
        missing = missing_types(scope, self._settings.resource_types) if is_smart else ()
        return [OBJECT_TYPES[one.resource_type] for one in missing]

    def identify(self, connection: Connection) -> Identity:
        """Return the patient that the token is for. Raises TryLater, NeedsLogin or Broken."""
        patient = str((connection.token or {}).get("patient") or "")
        if not _ID.fullmatch(patient):
            raise Broken(
                "%(name)s does not say whose record this is. Sign in there as the person it is about.",
                name=self._settings.name,
            )
        with open_fhir(connection.token) as client:
            try:
                resource = get_resource(client, f"{self._settings.base_url}/Patient/{patient}").resource
            except Refused:  # A server that does not provide the Patient may provide other resources.
                resource = {}
        return Identity(patient, patient_name(resource), "USER")

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page | Skipped]:
        """Yield the patient's resources of these types, changed since their cursors. Raises TryLater or NeedsLogin."""
        patient, base = connection.provider_account_id, self._settings.base_url
        with open_fhir(connection.token) as client:
            for object_type, name in self._types.items():
                if object_type not in cursors:
                    continue
                try:
                    if name == "Patient":
                        address = f"{base}/Patient/{patient}"
                        yield page_of_one(object_type, get_resource(client, address), address)
                    else:
                        parameter = OTHER_PARAMETERS.get(name, (USUAL_PARAMETER,))[0]
                        search = Search(base, name, patient, parameter=parameter)
                        yield from find_pages(client, [search], object_type, cursors[object_type])
                except Refused as refused:
                    message = f"The source did not provide {name} (HTTP status {refused.status})"
                    yield Skipped(object_type, refused.code, message, refused.status)

    def push(self, connection: Connection, resource_type: str, content: bytes) -> PushAnswer:
        """Create a resource on the server. Raises TryLater or NeedsLogin."""
        with open_fhir(connection.token, MAX_CREATED_BYTES) as client:
            return create(client, self._settings.base_url, resource_type, content)
