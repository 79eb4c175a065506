"""Every knob of the platform, with its unit and default. Each is an environment variable PRIVATESHARE_<NAME>."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, IPvAnyNetwork, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from privateshare.errors import ConfigurationError
from privateshare.platform.operating.public_address import normal_address
from privateshare.protocol.addresses import DEFAULT_PORT
from privateshare.sources.fhir_server.configuration import FhirServerSettings

MEGABYTE = 1024 * 1024


class Settings(BaseSettings):
    """How one platform runs. With nothing set it keeps everything in one folder and serves this machine."""

    model_config = SettingsConfigDict(
        env_prefix="PRIVATESHARE_", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    data: Path = Field(default=Path("privateshare-data"), description="The folder that holds everything.")
    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=DEFAULT_PORT, ge=0, le=65535, description="The port to listen on.")
    origin: str | None = Field(
        default=None,
        description="The platform's address as its users reach it, such as https://share.example.org or "
        "https://example.org/share; if not set, it answers on this machine alone.",
    )
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        default=(),
        description="The proxies that say by X-Forwarded-For who calls, as a JSON list of addresses and networks such "
        'as ["10.0.0.0/8"]; of all others the header is ignored.',
    )
    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("database_url", "PRIVATESHARE_DATABASE_URL", "DATABASE_URL"),
        description="A PostgreSQL database; if not set, one of our own in the data folder.",
    )
    database_pool_size: int = Field(default=20, ge=2, description="Connections to the database, per process.")
    blob_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("blob_url", "PRIVATESHARE_BLOB_URL", "BLOB_URL"),
        description="Where files are kept: s3://, gs://, az:// or file://; if not set, the data folder.",
    )
    key_url: SecretStr | None = Field(
        default=None,
        description="Where erasure keys are kept: s3://, gs://, az:// or file://, a place without older versions; "
        "if not set, the folder keys beside the files.",
    )
    master_key: SecretStr | None = Field(
        default=None,
        description="The key that wraps all others, 32 bytes in base64, older ones after a comma; "
        "if not set, the file master.key in the data folder, made on first start.",
    )
    workers: int = Field(default=2, ge=0, description="Syncs that this process runs at once; 0 leaves them to others.")
    max_upload_bytes: int = Field(default=1024 * MEGABYTE, ge=1, description="The largest archive a person can upload.")
    max_push_bytes: int = Field(default=8192 * MEGABYTE, ge=1, description="The largest file an app can push or store.")
    min_free_bytes: int = Field(
        default=100 * MEGABYTE,
        ge=0,
        description="With less room on a disk that is written to, the platform says at /readyz that it is not ready.",
    )
    signed_calls_per_minute: int = Field(default=30_000, ge=1, description="Signed calls, for each contract.")
    unsigned_calls_per_minute: int = Field(
        default=6_000, ge=1, description="Unsigned calls and consent pages, for each address they come from."
    )
    blocked_sdks: tuple[str, ...] = Field(
        default=(), description='SDKs that may not call, as a JSON list such as ["js<16.0", "old-sdk"].'
    )
    fhir_servers: tuple[FhirServerSettings, ...] = Field(
        default=(),
        description="FHIR servers that people can sign in to, as a JSON list such as "
        '[{"id": 9100, "name": "City Hospital", "base_url": "https://fhir.example.org/r4", "client_id": "share"}].',
    )
    medmij_participant: str | None = Field(
        default=None,
        pattern=r"^[^\x00-\x1f\x7f]{1,200}$",
        description="Who runs this platform, as MedMij knows them; if not set, the platform's host name.",
    )
    preauthorization_lifetime: timedelta = Field(default=timedelta(minutes=30), description="Protocol 4.6.")
    code_lifetime: timedelta = Field(default=timedelta(minutes=10), description="Of an authorization code.")
    access_token_lifetime: timedelta = Field(default=timedelta(hours=24), description="Protocol 4.6.")
    refresh_token_lifetime: timedelta = Field(
        default=timedelta(days=60), description="Sliding: each refresh renews it."
    )
    session_lifetime: timedelta = Field(default=timedelta(hours=24), description="Protocol 4.6.")
    metrics_token: SecretStr | None = Field(
        default=None, min_length=16, description="Who sends it as a bearer token may read /metrics; if not set, nobody."
    )
    log_format: Literal["text", "json"] = Field(default="text", description="How log lines are written.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="What is logged.")

    def blob_place(self) -> str:
        """The URL of where files are kept."""
        return self.blob_url.get_secret_value() if self.blob_url else (self.data / "blobs").as_uri()

    def key_place(self) -> str:
        """The URL of where erasure keys are kept."""
        if self.key_url is not None:
            return self.key_url.get_secret_value()
        if self.blob_url is not None:
            return f"{self.blob_url.get_secret_value().rstrip('/')}/keys"
        return (self.data / "keys").as_uri()

    @field_validator("origin")
    @classmethod
    def _normal(cls, value: str | None) -> str | None:
        return normal_address(value) if value else None

    @field_validator("fhir_servers")
    @classmethod
    def _told_apart(cls, value: tuple[FhirServerSettings, ...]) -> tuple[FhirServerSettings, ...]:
        if len({server.id for server in value}) < len(value):
            raise ValueError("each server needs an id of its own")
        return value

    @field_validator("data")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()


def load_settings(**given: object) -> Settings:
    """The settings: those given and not None, else the environment's, else the defaults.

    Raises ConfigurationError naming each that is wrong, but not its value.
    """
    try:
        return Settings.model_validate({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        wrong = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
        raise ConfigurationError("wrong settings: " + "; ".join(wrong)) from None
