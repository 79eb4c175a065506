"""Checks of the arguments that apps pass. A wrong one is a ConfigurationError that says what was expected.

No message repeats a value: it may be a secret that was passed in the wrong place.
"""

import math
import os
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from privateshare.errors import ConfigurationError

_PRINTABLE_ASCII = re.compile(r"[!-~]+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")


def wrong_argument(name: str, expected: str, value: object, hint: str | None = None) -> ConfigurationError:
    """Build the error for an argument that is not what was expected."""
    return ConfigurationError(f"{name} must be {expected}, not {_kind(value)}", hint=hint)


def check_text(name: str, value: object, expected: str = "a string") -> None:
    """Check that an argument is a string that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise wrong_argument(name, expected, value)


def check_word(name: str, value: object, expected: str) -> None:
    """Check that an argument is an id or a code: visible ASCII characters without blanks, as headers carry them."""
    check_text(name, value, expected)
    if not _PRINTABLE_ASCII.fullmatch(str(value)):
        raise ConfigurationError(f"{name} must be {expected}, without blanks and special characters")


def check_address(name: str, value: object) -> None:
    """Check that an argument is an absolute address of any scheme."""
    expected = "an address such as https://app.example/return"
    check_text(name, value, expected)
    address = str(value)
    try:
        scheme = urlsplit(address).scheme
    except ValueError:
        scheme = ""
    if not _SCHEME.fullmatch(scheme) or not _PRINTABLE_ASCII.fullmatch(address):
        raise ConfigurationError(f"{name} must be {expected}: with a scheme, and without blanks")


def check_whole(name: str, value: object, least: int) -> None:
    """Check that an argument is a whole number that is not too small."""
    expected = f"a whole number of {least} or more"
    if not isinstance(value, int) or isinstance(value, bool):
        raise wrong_argument(name, expected, value)
    if value < least:
        raise ConfigurationError(f"{name} must be {expected}, not {value}")


def check_seconds(name: str, value: object, *, zero: bool = True) -> None:
    """Check that an argument is a duration in seconds."""
    expected = f"a number of seconds{'' if zero else ' above 0'}"
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise wrong_argument(name, expected, value)
    if math.isnan(value) or value < 0 or (value == 0 and not zero):
        raise ConfigurationError(f"{name} must be {expected}, not {value}")


def check_flag(name: str, value: object) -> None:
    """Check that an argument is True or False."""
    if not isinstance(value, bool):
        raise wrong_argument(name, "True or False", value)


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """Check that an argument is one of some strings."""
    if not isinstance(value, str) or value not in choices:
        listed = " or ".join(repr(choice) for choice in choices)
        raise ConfigurationError(f"{name} must be {listed}")


def check_callback(name: str, value: object, *, required: bool = False) -> None:
    """Check that an argument can be called, or is None and not required."""
    if not callable(value) and (required or value is not None):
        raise wrong_argument(name, "a function", value)


def check_kind(name: str, value: object, kind: type | tuple[type, ...], expected: str) -> None:
    """Check that an argument is of a class."""
    if not isinstance(value, kind):
        raise wrong_argument(name, expected, value)


def check_methods(name: str, value: object, methods: Collection[str], expected: str) -> None:
    """Check that an argument is an object with these methods."""
    if isinstance(value, type) or not all(callable(getattr(value, method, None)) for method in methods):
        raise wrong_argument(name, expected, value)


def optional(check: Callable[..., None], name: str, value: object, *more: Any, **options: Any) -> None:
    """Make a check, unless the argument is None."""
    if value is not None:
        check(name, value, *more, **options)


def path_of(name: str, value: str | os.PathLike[str]) -> Path:
    """Return an argument as a path."""
    expected = "a path"
    if not isinstance(value, str | os.PathLike):
        raise wrong_argument(name, expected, value)
    text = os.fspath(value)
    if not isinstance(text, str) or not text or "\0" in text:
        raise wrong_argument(name, expected, text)
    return Path(value)


def optional_path(name: str, value: str | os.PathLike[str] | None) -> Path | None:
    """Return an argument as a path, or None."""
    return None if value is None else path_of(name, value)


def _kind(value: object) -> str:
    if value is None:
        return "None"
    if isinstance(value, str) and not value.strip():
        return "an empty string"
    return "a class" if isinstance(value, type) else type(value).__name__
