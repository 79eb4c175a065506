"""The settings of a FHIR server."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from privateshare.protocol.display_names import is_display_name
from privateshare.sources.fhir_file.mapping import OBJECT_TYPES
from privateshare.sources.web import is_safe

FIRST_ID = 9100

VERSIONS: Mapping[str, str] = {"stu3": "3.0.2", "r4": "4.0.1"}

USUAL_TYPES = (
    *("Patient", "AllergyIntolerance", "Condition", "Immunization", "MedicationRequest", "FamilyMemberHistory"),
    *("Observation", "Procedure", "DiagnosticReport", "Device", "Encounter", "MedicationDispense"),
    *("MedicationStatement", "CarePlan", "CareTeam", "Goal", "DocumentReference"),
)


class MedMijSettings(BaseModel):
    """The MedMij data service that a server is, with the names of MedMij's lists."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: str = Field(pattern=r"^[a-z0-9.-]{1,50}@medmij$", description="The care provider's name.")
    data_service: str = Field(pattern=r"^[A-Za-z0-9.-]{1,50}$", description="The data service's id, such as 48.")


class FhirServerSettings(BaseModel):
    """One FHIR server, and the registration of this platform there."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: int = Field(ge=FIRST_ID, description="The source's id. Never change it or reuse it for another server.")
    name: str = Field(min_length=1, max_length=100, description="The name that people see.")
    base_url: str = Field(description="The address of its FHIR API: https, or http on this machine.")
    client_id: str = Field(min_length=1, description="The client id of this platform at the server.")
    client_secret: SecretStr | None = Field(
        default=None,
        description="The secret, if the platform is a confidential client.",
    )
    private_key: SecretStr | None = Field(
        default=None,
        description="The RSA key in PEM with which the platform signs token requests, in place of a secret.",
    )
    version: Literal["stu3", "r4"] = Field(default="r4", description="The FHIR version of the server.")
    scope: str | None = Field(default=None, description="The OAuth scope. [default: the usual scope of SMART on FHIR]")
    resource_types: tuple[str, ...] = Field(default=USUAL_TYPES, description="The resource types to fetch, if allowed.")
    authorization_endpoint: str | None = Field(
        default=None, description="Where people sign in, if the server has no SMART configuration, such as Blue Button."
    )
    token_endpoint: str | None = Field(default=None, description="The token endpoint of such a server.")
    revocation_endpoint: str | None = Field(default=None, description="The revocation endpoint of such a server.")
    push: bool = Field(default=False, description="Whether apps may send resources to it.")
    medmij: MedMijSettings | None = Field(default=None, description="The MedMij data service that it is, if any.")

    @field_validator("base_url")
    @classmethod
    def _is_safe(cls, value: str) -> str:
        if not is_safe(value):
            raise ValueError("must be an address such as https://fhir.example.org/r4; http only on this machine")
        if "?" in value or "#" in value:
            raise ValueError("must not have a query or a fragment")
        return value.rstrip("/")

    @field_validator("authorization_endpoint", "token_endpoint", "revocation_endpoint")
    @classmethod
    def _is_safe_endpoint(cls, value: str | None) -> str | None:
        if value is not None and not is_safe(value):
            raise ValueError("must be an address that begins with https://; http only on this machine")
        return value

    @model_validator(mode="after")
    def _has_both_endpoints(self) -> Self:
        authorization, token = self.authorization_endpoint, self.token_endpoint
        if (authorization is None) != (token is None) or (self.revocation_endpoint is not None and token is None):
            raise ValueError("must have authorization_endpoint and token_endpoint, or neither")
        return self

    @field_validator("name")
    @classmethod
    def _shows(cls, value: str) -> str:
        if not is_display_name(value):
            raise ValueError("must be one line of visible characters")
        return value

    @field_validator("resource_types")
    @classmethod
    def _are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not set(value) <= OBJECT_TYPES.keys() or len(set(value)) < len(value):
            raise ValueError("must be resource types of FHIR R4, without repetition")
        return value

    @property
    def wanted_scope(self) -> str:
        """The OAuth scope to request: reading with refresh tokens, and writing if apps may push resources."""
        usual = "launch/patient openid fhirUser offline_access patient/*.read"
        return self.scope or (f"{usual} patient/*.write" if self.push else usual)
