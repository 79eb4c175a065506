"""The layout of a new package with a source: `privateshare source new`."""

import re
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from string import Template

from privateshare.errors import ConfigurationError
from privateshare.protocol.catalogue import catalogue
from privateshare.protocol.display_names import is_display_name
from privateshare.sources.installed import FIRST_ID

NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
MAX_ID = 100_000_000
# The template of each file, by the path that it gets.
LAYOUT: Mapping[str, str] = {
    "pyproject.toml": "pyproject.toml.txt",
    "README.md": "README.md.txt",
    "src/privateshare_$name/__init__.py": "__init__.py.txt",
    "src/privateshare_$name/registration.json": "registration.json.txt",
    "src/privateshare_$name/source.py": "source.py.txt",
    "src/privateshare_$name/sample.py": "sample.py.txt",
    "tests/test_$name.py": "test_source.py.txt",
}


def write_package(name: str, folder: Path, title: str | None = None) -> list[Path]:
    """Write a package with a source whose tests pass, as a beginning for a real one.

    Args:
        name: The name of the source in code, such as `my_pedometer`.
        folder: The folder of the package, which must not exist or be empty.
        title: The name that people see; by default, made of `name`.

    Returns:
        The files.

    Raises:
        ConfigurationError: The name is invalid, or that of another source or service, or the folder is not empty.
    """
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"{name!r} cannot be the name of a source",
            hint="Use lower-case letters, digits and underscores, such as my_pedometer",
        )
    _check_reference(name.replace("_", ""))
    title = title or " ".join(word.capitalize() for word in name.split("_") if word)
    if not is_display_name(title) or set(title) & set('"\\'):
        raise ConfigurationError("the title must be one line of visible characters, without quotes and backslashes")
    if folder.exists() and any(folder.iterdir()):
        raise ConfigurationError(f"the folder {folder} is not empty", hint="Name another with --into")
    values = {
        "name": name,
        "title": title,
        "dashed": name.replace("_", "-"),
        "reference": name.replace("_", ""),
        "class_name": "".join(word.capitalize() for word in name.split("_")),
        "id": str(FIRST_ID + int.from_bytes(sha256(name.encode()).digest()[:8]) % (MAX_ID - FIRST_ID)),
    }
    templates = files(__name__).joinpath("templates")
    written = []
    for path, template in LAYOUT.items():
        target = folder / Template(path).substitute(values)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(templates.joinpath(template).read_text("utf-8")).safe_substitute(values), "utf-8")
        written.append(target)
    return written


def _check_reference(reference: str) -> None:
    """Refuse the name of a service that the catalogue has: the platform would not use the package."""
    known = catalogue()
    if any(source.reference == reference for source in known.sources.values()):
        raise ConfigurationError(f"there is a source {reference} already", hint="Choose another name for the package")
    for id_, service in known.service_types.items():
        if service.reference == reference:
            raise ConfigurationError(
                f"the catalogue has the service {reference} already, as service type {id_} of group {service.group}",
                hint=f"Choose another name, such as {reference}_files. Then you may take {id_} for `service_type` in "
                "source.py and `serviceType` in registration.json, without an entry in `serviceTypes`",
            )
