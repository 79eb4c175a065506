"""The layout of a new package with a source: `privateshare source new`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from string import Template

from privateshare.errors import ConfigurationError, printable
from privateshare.protocol.catalogue import catalogue
from privateshare.protocol.display_names import is_display_name
from privateshare.sources.installed import FIRST_ID
from privateshare.sources.new_package.kind_values import CSV_VALUES, JSON_VALUES, SIGN_IN_VALUES

NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
MAX_ID = 100_000_000
TEMPLATES = "templates"
PACKAGE = "src/privateshare_$name"
# The template of each file, by the path that it gets.
COMMON: dict[str, str] = {
    "pyproject.toml": "pyproject.toml.txt",
    "README.md": "README.md.txt",
    f"{PACKAGE}/__init__.py": "__init__.py.txt",
    f"{PACKAGE}/registration.json": "registration.json.txt",
}
ARCHIVE: Mapping[str, str] = COMMON | {
    f"{PACKAGE}/source.py": "source_archive.py.txt",
    f"{PACKAGE}/sample.py": "sample_archive.py.txt",
    "tests/test_$name.py": "test_archive.py.txt",
}
SIGN_IN: Mapping[str, str] = COMMON | {
    f"{PACKAGE}/configuration.py": "configuration.py.txt",
    f"{PACKAGE}/source.py": "source_sign_in.py.txt",
    f"{PACKAGE}/sample.py": "sample_sign_in.py.txt",
    "tests/local_api.py": "local_api.py.txt",
    "tests/test_$name.py": "test_sign_in.py.txt",
}


@dataclass(frozen=True, slots=True)
class PackageKind:
    """A kind of source that can be laid out.

    Attributes:
        layout: The template of each file.
        values: What replaces the placeholders that only some kinds have.
        reader: The template that is put into `source.py` in place of `$reader`, if there is one.
    """

    layout: Mapping[str, str]
    values: Mapping[str, str]
    reader: str = ""


KINDS: Mapping[str, PackageKind] = {
    "json": PackageKind(ARCHIVE, JSON_VALUES, "reader_json.py.txt"),
    "csv": PackageKind(ARCHIVE, CSV_VALUES, "reader_csv.py.txt"),
    "sign-in": PackageKind(SIGN_IN, SIGN_IN_VALUES),
}


def write_package(name: str, folder: Path, title: str | None = None, kind: str = "json") -> list[Path]:
    """Write a package with a source whose tests pass, as a beginning for a real one.

    Args:
        name: The name of the source in code, such as `my_pedometer`.
        folder: The folder of the package, which must not exist or be empty.
        title: The name that people see; by default, made of `name`.
        kind: What its data comes from, of `KINDS`: an export of JSON or of tables, or a sign-in.

    Returns:
        The files.

    Raises:
        ConfigurationError: The name is invalid, or that of another source or service, or the folder is not empty.
    """
    if kind not in KINDS:
        raise ConfigurationError(
            f"there is no kind {printable(kind)} of packages", hint=f"Choose one of {', '.join(KINDS)}"
        )
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
    values = _values(name, title, KINDS[kind])
    written = []
    for path, template in KINDS[kind].layout.items():
        target = folder / Template(path).substitute(values)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_filled(template, values), "utf-8")
        written.append(target)
    return written


def _values(name: str, title: str, kind: PackageKind) -> Mapping[str, str]:
    """Return what replaces the placeholders of templates. Texts of a kind may have placeholders themselves."""
    words = [word.capitalize() for word in name.split("_")]
    values = {
        "name": name,
        "title": title,
        "dashed": name.replace("_", "-"),
        "reference": name.replace("_", ""),
        "class_name": "".join(words),
        "reader_class": "".join([*words, "Reader"]),
        "upper": name.upper(),
        "id": str(FIRST_ID + int.from_bytes(sha256(name.encode()).digest()[:8]) % (MAX_ID - FIRST_ID)),
    }
    values |= {key: Template(text).safe_substitute(values) for key, text in kind.values.items()}
    if kind.reader:
        values["reader"] = _filled(kind.reader, values).rstrip()
    return values


def _filled(template: str, values: Mapping[str, str]) -> str:
    text = files(__name__).joinpath(TEMPLATES, template).read_text("utf-8")
    return Template(text).safe_substitute(values)


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
