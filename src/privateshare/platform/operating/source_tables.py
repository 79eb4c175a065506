"""The settings of sources: tables `[sources.NAME]` of the file of settings, and environment variables."""

import json
from collections.abc import Mapping
from typing import Any

from privateshare.errors import ConfigurationError
from privateshare.sources.configuration import SourceSettings, names_with_settings, read_tables

PREFIX = "PRIVATESHARE_SOURCES_"


def is_of_source(variable: str) -> bool:
    """Return whether an environment variable is a setting of a source."""
    return variable.upper().startswith(PREFIX)


def tables_of(of_file: Any, environment: Mapping[str, str]) -> Any:
    """Merge the settings of sources in the file with those of the environment, which win.

    Raises:
        ConfigurationError: A variable is named after no source.
    """
    if not isinstance(of_file, Mapping):
        return of_file
    merged = {name: dict(table) if isinstance(table, Mapping) else table for name, table in of_file.items()}
    if not any(is_of_source(variable) for variable in environment):
        return merged
    names = sorted(names_with_settings(), key=len, reverse=True)  # So that a name may begin with another.
    for variable, value in environment.items():
        if not is_of_source(variable):
            continue
        rest = variable.upper().removeprefix(PREFIX)
        name = next((name for name in names if rest.startswith(f"{name.upper()}_")), None)
        if name is None:
            raise ConfigurationError(
                f"there is no source with settings for {variable}", hint=f"There are: {', '.join(names) or 'none'}"
            )
        table = merged.setdefault(name, {})
        if isinstance(table, dict):
            table[rest.removeprefix(f"{name.upper()}_").lower()] = _value(value)
    return merged


def _value(text: str) -> Any:
    """Return the value of a variable: a list or an object as JSON, or the text itself."""
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def parse_tables(value: Any) -> Mapping[str, SourceSettings]:
    """Parse the settings of sources: tables by name, or an object of JSON in an environment variable."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError("must be a JSON object with the settings of each source") from error
    if not isinstance(value, Mapping):
        raise ValueError("must be tables such as [sources.strava]")
    return read_tables(value)
