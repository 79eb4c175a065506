"""The settings of health providers. Servers at which the platform can register itself need none."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from privateshare.sources.configuration import SourceSettings
from privateshare.sources.web import is_safe


class RegisteredClient(BaseModel):
    """The registration of this platform at one server, or at all servers of a list that the operator imported."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    server: str | None = Field(default=None, description="The address of the FHIR server.")
    brands: str | None = Field(default=None, description="The name of the imported list, in place of a server.")
    client_id: str = Field(min_length=1, description="The client id of this platform there.")
    client_secret: SecretStr | None = Field(default=None, description="The secret, if it is a confidential client.")
    private_key: SecretStr | None = Field(default=None, description="The RSA key in PEM, in place of a secret.")
    scope: str | None = Field(default=None, description="The OAuth scope, if the usual one is not suitable.")

    @field_validator("server")
    @classmethod
    def _is_safe(cls, value: str | None) -> str | None:
        if value is not None and (not is_safe(value) or "?" in value or "#" in value):
            raise ValueError("must be an address such as https://fhir.example.org/r4")
        return value.rstrip("/") if value is not None else None

    @model_validator(mode="after")
    def _has_one_place(self) -> Self:
        if (self.server is None) == (self.brands is None):
            raise ValueError("must have either server or brands")
        return self

    @property
    def authentication(self) -> Literal["client_secret_basic", "private_key_jwt"]:
        """How the platform proves itself at the token endpoint."""
        return "private_key_jwt" if self.private_key else "client_secret_basic"


class Settings(SourceSettings):
    """The settings `[sources.health_provider]`."""

    clients: tuple[RegisteredClient, ...] = Field(
        default=(),
        description="Where the operator registered the platform, as tables with server or brands, client_id, and "
        "client_secret or private_key.",
    )
    private_addresses: bool = Field(
        default=False,
        description="Whether people may name servers of this machine and of private networks, and without TLS: "
        "only for development.",
    )
