"""The settings of the platform: environment variables PRIVATESHARE_<NAME>, and a TOML file with the same names.

The environment wins. `settings_file.py` reads the file, and refuses names that do not exist.
"""

import json
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AliasChoices,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from privateshare.errors import ConfigurationError
from privateshare.platform.operating.durations import parse_duration
from privateshare.platform.operating.public_address import normal_address
from privateshare.platform.operating.settings_file import (
    check_environment,
    describe_invalid,
    is_in_environment,
    read_settings_file,
)
from privateshare.platform.operating.source_tables import is_of_source, parse_tables, tables_of
from privateshare.protocol.addresses import DEFAULT_PORT, is_web_address
from privateshare.protocol.display_names import MAX_NAME_CHARACTERS, is_display_name
from privateshare.sources.configuration import SourceSettings
from privateshare.sources.fhir_server.configuration import FhirServerSettings

MEGABYTE = 1024 * 1024
MAX_CORES = 8
QUEUE_CONNECTIONS = 6
EMAIL_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")


def _parse_list(value: Any) -> Any:
    """Parse a list in an environment variable: JSON, or texts with commas in between."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValueError("must be a JSON list, or values with commas in between") from error
    return [part.strip() for part in value.split(",") if part.strip()]


def _parse_json_list(value: Any) -> Any:
    """Parse a list of objects in an environment variable."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError("must be a JSON list of objects") from error


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Networks = Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(_parse_list)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parse_list)]
SourceTables = Annotated[Mapping[str, SourceSettings], NoDecode, BeforeValidator(parse_tables)]
Servers = Annotated[tuple[FhirServerSettings, ...], NoDecode, BeforeValidator(_parse_json_list)]


class Settings(BaseSettings):
    """The settings of one platform. By default it keeps everything in one folder and serves only this machine."""

    model_config = SettingsConfigDict(
        env_prefix="PRIVATESHARE_", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    data: Path = Field(default=Path("privateshare-data"), description="The folder for all data.")
    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=DEFAULT_PORT, ge=0, le=65535, description="The port to listen on.")
    origin: str | None = Field(
        default=None,
        description="The platform's address as its users reach it, such as https://share.example.org or "
        "https://example.org/share; if not set, it accepts only requests to names of this machine.",
    )
    operator_name: str | None = Field(
        default=None, description="Who runs the platform, as people see it at the end of every page."
    )
    operator_contact: str | None = Field(
        default=None,
        description="Where people reach the operator: an email address, or the address of a page, such as "
        "privacy@example.org; every page and /.well-known/security.txt name it.",
    )
    operator_privacy_notice: str | None = Field(
        default=None, description="The address of the operator's privacy notice; every page links to it."
    )
    trusted_proxies: Networks = Field(
        default=(),
        description="The proxies whose X-Forwarded-For header is trusted, as a list of addresses and networks such "
        "as 127.0.0.1,10.0.0.0/8; the header of all others is ignored.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("database_url", "PRIVATESHARE_DATABASE_URL", "DATABASE_URL"),
        description="The URL of a PostgreSQL database; if not set, a built-in one in the data folder.",
    )
    database_pooler_url: SecretStr | None = Field(
        default=None,
        description="The URL of the same database through pgbouncer, or another pooler in transaction mode; requests "
        "and syncs use it, and DATABASE_URL remains for migrations and the queue.",
    )
    database_replica_url: SecretStr | None = Field(
        default=None,
        description="The URL of a streaming replica of the database, from which metrics and the operator's reports are "
        "read while it is up to date; calls of apps and people use the database itself.",
    )
    database_pool_size: int = Field(default=20, ge=2, description="Connections to the database per process.")
    blob_url: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("blob_url", "PRIVATESHARE_BLOB_URL", "BLOB_URL"),
        description="Where files are stored: s3://, gs://, az:// or file://; if not set, in the data folder.",
    )
    key_url: SecretStr | None = Field(
        default=None,
        description="Where erasure keys are stored: s3://, gs://, az:// or file://, without versioning; "
        "if not set, in the folder keys beside the files.",
    )
    master_key: SecretStr | None = Field(
        default=None,
        description="The key that wraps all others, 32 bytes in base64, with older keys after commas; "
        "if not set, the file master.key in the data folder, which the first start creates.",
    )
    backup_url: SecretStr | None = Field(
        default=None,
        description="Where `privateshare backup` writes: a folder, or s3://, gs://, az:// or file://; erasures and "
        "withdrawals are recorded there too as they happen, so that no backup can undo them.",
    )
    backup_max_age: Duration = Field(
        default=timedelta(hours=36), description="The operator is told if the newest backup is older than this."
    )
    master_key_file: Path | None = Field(
        default=None,
        description="A file with the master key, for secrets that are mounted as files: keys in base64 as above, with "
        "commas or line ends in between; it is read again while the platform runs.",
    )
    processes: int | None = Field(
        default=None,
        ge=1,
        description="Processes that answer requests, with a worker process for every two of them; with 1, one process "
        "does everything; if not set, one per core, but at most 8.",
    )
    workers: int = Field(
        default=2, ge=0, description="Syncs that each worker process runs at once; with 0 it runs none."
    )
    max_sync_duration: Duration = Field(
        default=timedelta(hours=12),
        description="How long a sync may take, with all of its tries; then it is ended, and the app and the person "
        "are told. What was fetched of sources that can resume is kept.",
    )
    unreachable_retention: Duration = Field(
        default=timedelta(days=365),
        description="How long data is kept that nobody can open any more, because the person's browsers have expired, "
        "there is no other way to sign in, and no app reads; 36500d keeps it for a hundred years.",
    )
    max_upload_bytes: int = Field(default=1024 * MEGABYTE, ge=1, description="The largest archive a person can upload.")
    max_push_bytes: int = Field(default=8192 * MEGABYTE, ge=1, description="The largest file an app can push or store.")
    min_free_bytes: int = Field(
        default=100 * MEGABYTE,
        ge=0,
        description="The free space on disk below which the platform reports at /readyz that it is not ready.",
    )
    signed_calls_per_minute: int = Field(default=30_000, ge=1, description="Signed requests per contract.")
    unsigned_calls_per_minute: int = Field(
        default=6_000, ge=1, description="Unsigned requests and consent pages per client address."
    )
    blocked_sdks: Names = Field(
        default=(), description="SDKs whose requests are refused, as a list such as js<16.0,old-sdk."
    )
    fhir_servers: Servers = Field(
        default=(),
        description="FHIR servers that people can sign in to, as a JSON list such as "
        '[{"id": 9100, "name": "City Hospital", "base_url": "https://fhir.example.org/r4", "client_id": "share"}].',
    )
    sources: SourceTables = Field(
        default_factory=dict,
        description="Settings of sources, as tables such as [sources.strava] in the file, or one variable for each, "
        "such as PRIVATESHARE_SOURCES_STRAVA_CLIENT_ID; `privateshare source show NAME` lists them.",
    )
    medmij_participant: str | None = Field(
        default=None,
        pattern=r"^[^\x00-\x1f\x7f]{1,200}$",
        description="The name of the platform's operator in MedMij; if not set, the platform's host name.",
    )
    webhook_private_addresses: bool = Field(
        default=False,
        description="Whether webhooks may go to addresses of this machine and of private networks, and by plain http: "
        "only for development.",
    )
    preauthorization_lifetime: Duration = Field(
        default=timedelta(minutes=30), description="The lifetime of pre-authorization and reference codes."
    )
    code_lifetime: Duration = Field(default=timedelta(minutes=10), description="The lifetime of an authorization code.")
    access_token_lifetime: Duration = Field(default=timedelta(hours=24), description="The lifetime of an access token.")
    refresh_token_lifetime: Duration = Field(
        default=timedelta(days=60), description="The lifetime of a refresh token, which each refresh renews."
    )
    session_lifetime: Duration = Field(default=timedelta(hours=24), description="The lifetime of a session.")
    alert_emails: Names = Field(
        default=(), description="Who gets a mail when something needs the operator, as a list of email addresses."
    )
    alert_webhook: SecretStr | None = Field(
        default=None, description="An address that gets the same as JSON by POST, such as one of a chat or a pager."
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="The mail server for it: smtps://user:password@mail.example.org, or smtp:// with STARTTLS.",
    )
    alert_sender: str | None = Field(
        default=None, description="The sender of these mails; if not set, the first address that gets them."
    )
    metrics_token: SecretStr | None = Field(
        default=None, min_length=16, description="The bearer token for /metrics; if not set, /metrics is off."
    )
    slow_statement_ms: int | None = Field(
        default=None,
        ge=1,
        description="Statements of the database that take at least so many milliseconds are logged, without their "
        "parameters; if not set, none is.",
    )
    log_format: Literal["text", "json"] = Field(default="text", description="The format of log lines.")
    log_addresses: Literal["none", "short", "full"] = Field(
        default="short",
        description="How the log shows addresses of clients: not at all, their network (/24, /48 of IPv6), or whole.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The lowest level that is logged."
    )

    @property
    def contact_address(self) -> str | None:
        """The address of a link to the operator's contact; None if the settings name none."""
        contact = self.operator_contact
        return f"mailto:{contact}" if contact and EMAIL_ADDRESS.fullmatch(contact) else contact

    def blob_address(self) -> str:
        """Return the URL of the blob store."""
        return self.blob_url.get_secret_value() if self.blob_url else (self.data / "blobs").as_uri()

    def key_address(self) -> str:
        """Return the URL of the key store."""
        if self.key_url is not None:
            return self.key_url.get_secret_value()
        if self.blob_url is not None:
            return f"{self.blob_url.get_secret_value().rstrip('/')}/keys"
        return (self.data / "keys").as_uri()

    def backup_address(self) -> str | None:
        """Return the URL of the backup place, if the settings name one."""
        return place_url(self.backup_url.get_secret_value()) if self.backup_url else None

    def web_processes(self) -> int:
        """Return the number of processes that answer requests."""
        if self.processes is not None:
            return self.processes
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(usable, MAX_CORES)

    def worker_processes(self) -> int:
        """Return the number of processes that run syncs, beside several that answer requests."""
        return (self.web_processes() + 1) // 2 if self.workers else 0

    def database_connections(self) -> int:
        """Return the number of connections to the database that all processes together may open."""
        each = self.database_pool_size + statement_connections(self.database_pool_size) + QUEUE_CONNECTIONS
        web = self.web_processes()
        others = self.worker_processes() + 1 if web > 1 else 0  # The first process only starts the others.
        return (web + others) * each

    @field_validator("origin")
    @classmethod
    def _normalize_origin(cls, value: str | None) -> str | None:
        return normal_address(value) if value else None

    @field_validator("operator_name")
    @classmethod
    def _check_name(cls, value: str | None) -> str | None:
        if value is not None and not is_display_name(value):
            raise ValueError(f"must be one line of at most {MAX_NAME_CHARACTERS} visible characters")
        return value

    @field_validator("operator_contact")
    @classmethod
    def _check_contact(cls, value: str | None) -> str | None:
        if value is not None and not EMAIL_ADDRESS.fullmatch(value) and not is_web_address(value):
            raise ValueError("must be an email address, or an address such as https://example.org/contact")
        return value

    @field_validator("operator_privacy_notice")
    @classmethod
    def _check_privacy_notice(cls, value: str | None) -> str | None:
        if value is not None and not is_web_address(value):
            raise ValueError("must be an address such as https://example.org/privacy")
        return value

    @field_validator("fhir_servers")
    @classmethod
    def _require_unique_ids(cls, value: tuple[FhirServerSettings, ...]) -> tuple[FhirServerSettings, ...]:
        if len({server.id for server in value}) < len(value):
            raise ValueError("each server must have a different id")
        return value

    @field_validator("master_key_file")
    @classmethod
    def _check_one_master_key(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and info.data.get("master_key") is not None:
            raise ValueError("is set beside master_key; set only one of them")
        return value

    @field_validator("alert_emails")
    @classmethod
    def _check_emails(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(EMAIL_ADDRESS.fullmatch(address) for address in value):
            raise ValueError("must be email addresses with commas in between")
        return value

    @field_validator("alert_sender")
    @classmethod
    def _check_sender(cls, value: str | None) -> str | None:
        return value if value is None else cls._check_emails((value,))[0]

    @field_validator("alert_webhook")
    @classmethod
    def _check_webhook(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and urlsplit(value.get_secret_value()).scheme not in ("https", "http"):
            raise ValueError("must be an address such as https://chat.example.org/hooks/…")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _check_smtp(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parts = urlsplit(value.get_secret_value())
            if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
                raise ValueError("must be an address such as smtps://user:password@mail.example.org")
        return value

    @field_validator("data")
    @classmethod
    def _make_absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()


def place_url(place: str) -> str:
    """Return the URL of a place that is a URL already, or the path of a folder."""
    return place if "://" in place else Path(place).expanduser().absolute().as_uri()


def load_settings(**given: object) -> Settings:
    """Load the settings: given values that are not None, then environment variables, then the file, then defaults.

    Raises ConfigurationError that names each invalid setting and where it is set, but not its value.
    """
    fields = Settings.model_fields
    check_environment(fields, {name: value for name, value in os.environ.items() if not is_of_source(name)})
    path, content = read_settings_file(fields, os.environ)
    chosen = {name: value for name, value in given.items() if value is not None}
    content["sources"] = tables_of(content.get("sources", {}), os.environ)
    of_file = {
        name: value
        for name, value in content.items()
        if name not in chosen and not is_in_environment(name, fields[name], os.environ)
    }
    try:
        return Settings.model_validate({**of_file, **chosen})
    except ValidationError as error:
        problems = [describe_invalid(item, fields, path, of_file) for item in error.errors(include_url=False)]
        raise ConfigurationError("invalid settings: " + "; ".join(problems)) from None


def statement_connections(pool_size: int) -> int:
    """Return the number of connections for named statements, beside the `pool_size` of the ORM.

    There is one for each place that a request can have (`operating/admission.py`), so that a request does not wait for
    a connection while others wait for a lock.
    """
    return max(1, pool_size * 3 // 4)
