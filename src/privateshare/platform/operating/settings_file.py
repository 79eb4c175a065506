"""The names of settings in the environment and in a TOML file, and what is wrong with a value.

A name that does not exist is refused: a setting with a typing error would otherwise be ignored in silence.
"""

import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from privateshare.errors import ConfigurationError

PREFIX = "PRIVATESHARE_"
FILE_VARIABLE = "PRIVATESHARE_SETTINGS"
DEFAULT_FILE = Path("privateshare.toml")
# Variables of apps, of the SDK and of the commands for people's data. They are no settings of a platform.
OTHER_VARIABLES = frozenset(
    PREFIX + name
    for name in (
        *("SETTINGS", "CONFIG", "PROFILE", "STORAGE", "LOG"),
        *("APPLICATION_ID", "CONTRACT_ID", "PRIVATE_KEY", "BASE_URL"),
    )
)
MAX_FILE_BYTES = 1024 * 1024
# What an error of pydantic means, in words that name no type of Python.
_MEANINGS = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "string_type": "must be a text",
    "tuple_type": "must be a list",
    "path_type": "must be the path of a folder",
    "missing": "is missing",
    "extra_forbidden": "does not exist",
    "model_type": "must be a table with the fields of a server",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have at least {min_length} characters",
    "too_short": "must have at least {min_length} characters",
    "literal_error": "must be {expected}",
}


def variables_of(name: str, field: FieldInfo) -> list[str]:
    """Return the environment variables that set a setting, the one with our prefix first."""
    aliases = field.validation_alias
    if isinstance(aliases, AliasChoices):
        return [str(alias) for alias in aliases.choices if str(alias).isupper()]
    return [f"{PREFIX}{name.upper()}"]


def read_settings_file(fields: Mapping[str, FieldInfo], environment: Mapping[str, str]) -> tuple[Path, dict[str, Any]]:
    """Read the file of settings: the one that PRIVATESHARE_SETTINGS names, or privateshare.toml in this folder if any.

    Returns:
        Its path, and its content.

    Raises:
        ConfigurationError: The file cannot be read, is no TOML, or has a name that is no setting.
    """
    named = environment.get(FILE_VARIABLE)
    path = Path(named).expanduser() if named else DEFAULT_FILE
    try:
        with path.open("rb") as file:
            text = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        if named is None:
            return path, {}
        raise ConfigurationError(
            f"the file of settings {path} does not exist", hint=f"Check {FILE_VARIABLE}"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"cannot read the file of settings {path}: {error.strerror}") from error
    if len(text) > MAX_FILE_BYTES:
        raise ConfigurationError(f"the file of settings {path} is larger than {MAX_FILE_BYTES} bytes")
    try:
        content = tomllib.loads(text.decode())
    except tomllib.TOMLDecodeError as error:  # Its message names line and column, and no value.
        raise ConfigurationError(f"the file of settings {path} is not valid TOML: {error}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"the file of settings {path} is not UTF-8") from None
    for name, value in content.items():
        if name not in fields:
            raise _unknown(f"{name} in {path}", name, fields)
        if isinstance(value, bool) and fields[name].annotation is int:  # Python would take it for 0 or 1.
            raise ConfigurationError(f"invalid settings: {name} in {path}: must be a whole number")
    return path, content


def check_environment(fields: Mapping[str, FieldInfo], environment: Mapping[str, str]) -> None:
    """Raise ConfigurationError for a variable with our prefix that is no setting, such as one with a typing error."""
    known = {variable for name, field in fields.items() for variable in variables_of(name, field)}
    for variable in environment:
        upper = variable.upper()
        if upper.startswith(PREFIX) and upper not in known | OTHER_VARIABLES:
            raise _unknown(variable, upper, [name for name in known if name.startswith(PREFIX)])


def is_in_environment(name: str, field: FieldInfo, environment: Mapping[str, str]) -> bool:
    """Return whether an environment variable sets a setting."""
    variables = {variable.upper() for variable in environment}
    return any(variable in variables for variable in variables_of(name, field))


def _unknown(shown: str, name: str, known: Collection[str]) -> ConfigurationError:
    other_form = name.upper().removeprefix(PREFIX).lower()
    close = get_close_matches(name, known, n=1) or get_close_matches(other_form, known, n=1)
    hint = f"Did you mean {close[0]}?" if close else "All settings are listed in the chapter about running a platform"
    return ConfigurationError(f"there is no setting {shown}", hint=hint)


def describe_invalid(
    item: ErrorDetails, fields: Mapping[str, FieldInfo], path: Path, of_file: Mapping[str, object]
) -> str:
    """Describe an invalid setting: its name, where it is set, and what it must be. The value may be a secret."""
    name, *inner = (str(part) for part in item["loc"])
    where = f" in {path}" if name in of_file else ""
    meaning = _MEANINGS.get(item["type"])
    message = meaning.format(**item.get("ctx", {})) if meaning is not None else item["msg"]
    hint = ""
    if item["type"] == "extra_forbidden" and inner:
        hint = _nearest_field(fields[name], inner[-1])
    return f"{'.'.join([name, *inner])}{where}: {message.removeprefix('Value error, ')}{hint}"


def _nearest_field(setting: FieldInfo, name: str) -> str:
    models = [kind for kind in getattr(setting.annotation, "__args__", ()) if isinstance(kind, type)]
    known = [field for model in models if issubclass(model, BaseModel) for field in model.model_fields]
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""
