"""Settings of sources: `[sources.NAME]` of the platform's file of settings, or environment variables.

A folder whose sources have settings has two things: a module `configuration` with a class `Settings`, derived from
`SourceSettings` or `ClientSettings`, and a function `configured`, which takes these settings and returns sources. They
replace those in `SOURCES` with the same ids: `SOURCES` has what works without settings. `configured` is in the module
`source`, or in `live`, so that the process that reads an export imports no HTTP client: that process imports only
`source`.
"""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from privateshare.protocol.catalogue import catalogue, registrations
from privateshare.protocol.registrations import SOURCES_PACKAGE, Registration
from privateshare.sources.checks import check_source
from privateshare.sources.contract import Source
from privateshare.sources.installed import installed_packages

MAX_SECRET_BYTES = 64 * 1024


class SourceSettings(BaseModel):
    """The settings of the sources of one folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ClientSettings(SourceSettings):
    """The settings of a source at which the operator registers the platform as an OAuth client."""

    client_id: str = Field(min_length=1, description="The id that the provider gave to this platform.")
    client_secret: SecretStr | None = Field(default=None, description="The secret that belongs to it.")
    client_secret_file: Path | None = Field(
        default=None, description="A file with the secret, in place of `client_secret`."
    )

    @model_validator(mode="before")
    @classmethod
    def _read_secret(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or values.get("client_secret_file") is None:
            return values
        if values.get("client_secret") is not None:
            raise ValueError("has client_secret and client_secret_file: set one of them")
        return {**values, "client_secret": _read_secret(Path(str(values["client_secret_file"])).expanduser())}

    @property
    def secret(self) -> str | None:
        """The client secret as plain text, if there is one."""
        return self.client_secret.get_secret_value() if self.client_secret is not None else None


def _read_secret(path: Path) -> str:
    try:
        with path.open("rb") as file:
            secret = file.read(MAX_SECRET_BYTES).decode().strip()
    except OSError as error:
        raise ValueError(f"cannot read the file {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"the file {path} is not a text") from None
    if not secret:
        raise ValueError(f"the file {path} is empty")
    return secret


def names_with_settings() -> Sequence[str]:
    """Return the names of the folders whose sources have settings."""
    installed_packages()
    return [folder.name for folder in registrations() if find_spec(f"{folder.package}.configuration") is not None]


def settings_of_source(source_id: int) -> Sequence[tuple[str, type[SourceSettings]]]:
    """Return the settings of the folder that has a source, with its name; none if it has no settings."""
    names = names_with_settings()
    return [
        (folder.name, _model(folder))
        for folder in registrations()
        if folder.name in names and source_id in _ids_of_folder(folder)
    ]


def _ids_of_folder(folder: Registration) -> set[int]:
    """Return the ids of the sources of a folder. One without ids adds a sign-in to a source of another folder."""
    found = {*folder.ids, *(entry["id"] for entry in folder.sources)}
    model = _model(folder)
    if found or not folder.package.startswith(SOURCES_PACKAGE) or not issubclass(model, ClientSettings):
        return found
    return {source.info.id for source in configured_sources(folder.name, model(client_id="example"))}


def _model(folder: Registration) -> type[SourceSettings]:
    return cast(type[SourceSettings], import_module(f"{folder.package}.configuration").Settings)


def sources_of_clients() -> Sequence[Source]:
    """Return this version's sources for which operators set a client id, with an example of one.

    Tables of documents and translations are made of what such sources declare.
    """
    folders = [folder for folder in registrations() if folder.package.startswith(SOURCES_PACKAGE)]
    names = names_with_settings()
    models = [(folder.name, _model(folder)) for folder in folders if folder.name in names]
    found = [(name, model) for name, model in models if issubclass(model, ClientSettings)]
    return [source for name, model in found for source in configured_sources(name, model(client_id="example"))]


def read_tables(tables: Mapping[str, Any]) -> Mapping[str, SourceSettings]:
    """Parse the settings of sources, by the name of their folder.

    Raises:
        ValueError: A folder does not exist or has no settings, or a value is invalid. The text holds no value.
    """
    if not tables:
        return {}
    installed_packages()
    folders = {folder.name: folder for folder in registrations()}
    return {name: _read_table(name, folders.get(name), table) for name, table in tables.items()}


def _read_table(name: str, folder: Registration | None, table: Any) -> SourceSettings:
    if isinstance(table, SourceSettings):
        return table
    known = names_with_settings()
    if folder is None or name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f"Did you mean {close[0]}?" if close else f"There are settings for: {', '.join(known) or 'no source'}"
        raise ValueError(f"{name} is not the name of a source with settings. {hint}")
    try:
        model = _model(folder)
    except Exception as error:  # An installed package may raise anything.
        raise ValueError(f"{folder.package}.configuration cannot be imported: {type(error).__name__}") from error
    try:
        return model.model_validate(table)
    except ValidationError as error:
        problems = (_problem(name, model, item["loc"], item["type"], item["msg"]) for item in error.errors())
        raise ValueError("; ".join(problems)) from None


_MEANINGS = {
    "missing": "is missing",
    "extra_forbidden": "does not exist",
    "string_type": "must be text",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "model_type": "must be a table with options",
}


def _problem(name: str, model: type[SourceSettings], place: tuple[int | str, ...], kind: str, message: str) -> str:
    where = ".".join([name, *(str(part) for part in place)])
    meaning = _MEANINGS.get(kind, message.removeprefix("Value error, "))
    close = get_close_matches(str(place[-1]), model.model_fields, n=1) if kind == "extra_forbidden" else []
    return f"{where}: {meaning}" + (f" (did you mean {close[0]}?)" if close else "")


def configured_sources(name: str, settings: SourceSettings) -> Sequence[Source]:
    """Return the sources of a folder that its settings make possible. Raises ValueError if they break the contract.

    They must be the folder's own: otherwise a package could replace the source of another one.
    """
    folder = next(folder for folder in registrations() if folder.name == name)
    own = {*folder.ids, *(entry["id"] for entry in folder.sources)}
    sources = [*_configured(folder)(settings)]
    for source in sources:
        check_source(source, catalogue())
        if source.info.id not in own and not folder.package.startswith(f"{SOURCES_PACKAGE}."):
            raise ValueError(f"configured returns the source {source.info.id}, which {name} does not register")
    return sources


def _configured(folder: Registration) -> Callable[[SourceSettings], Sequence[Source]]:
    """Return the function `configured` of a folder."""
    live = f"{folder.package}.live"
    own = getattr(import_module(live), "configured", None) if find_spec(live) is not None else None
    return cast(Callable[..., Sequence[Source]], own or import_module(f"{folder.package}.source").configured)
