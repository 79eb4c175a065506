"""Sources of installed packages: the entry points `privateshare.sources`.

A package is laid out as one of our own folders: `registration.json`, a module `source` with `SOURCES`, and for each
object type that it registers a JSON Schema in `objects/REFERENCE.schema.json`. Each is checked before it is used. One
with a fault is left out as a whole, and `privateshare doctor` says why: it never stops the platform.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import structlog

from privateshare.protocol.catalogue import Catalogue, make_catalogue, register, registrations
from privateshare.protocol.registrations import FILE_NAME, Entry, Registration, read_registration
from privateshare.sources.checks import check_source

GROUP = "privateshare.sources"
FIRST_ID = 10_000  # Lower ids are those of digi.me and of this project.
SCHEMA_FOLDER = "objects"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RefusedPackage:
    """An installed package that is not used, and why. `name` is its entry point, `distribution` the installed one."""

    name: str
    distribution: str
    reason: str


@dataclass(frozen=True, slots=True)
class InstalledPackages:
    """The packages of sources that are installed."""

    accepted: Sequence[Registration]
    refused: Sequence[RefusedPackage]


@cache
def installed_packages() -> InstalledPackages:
    """Find the installed packages, check them, and add the good ones to the catalogue of this process."""
    accepted: list[Registration] = []
    refused: list[RefusedPackage] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        try:
            folder = read_package(entry)
            check_package(folder, registrations())
        except Exception as error:  # noqa: BLE001 - It is not our code, and may raise anything.
            reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            refused.append(RefusedPackage(entry.name, distribution_of(entry), reason))
            log.error("a package of sources is not used", package=entry.name, reason=str(error))
        else:
            register(folder)
            accepted.append(folder)
    return InstalledPackages(accepted, refused)


def read_package(entry: EntryPoint) -> Registration:
    """Read the registration of an entry point's package. Raises ValueError."""
    if entry.attr or entry.extras:
        raise ValueError(f"the entry point must name a package, not {entry.value}")
    if not entry.name.isidentifier() or entry.name != entry.name.lower():
        raise ValueError("the name of the entry point must be lower-case letters, digits and underscores")
    try:
        text = (package_folder(entry.module) / FILE_NAME).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{FILE_NAME} cannot be read: {type(error).__name__}") from error
    return read_registration(entry.name, entry.module, text)


def package_folder(package: str) -> Path:
    """Return the folder of a package. Raises ValueError."""
    try:
        spec = find_spec(package)
    except Exception as error:  # The code of a parent package runs, which may raise anything.
        raise ValueError(f"{package} cannot be found: {type(error).__name__}: {error}") from error
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"{package} is not an installed package")
    return Path(next(iter(spec.submodule_search_locations)))


def check_package(folder: Registration, others: Sequence[Registration]) -> None:
    """Check an installed package against the contract of sources.

    Raises:
        ValueError: It does not keep the contract; the text says what is wrong.
    """
    if folder.name in {other.name for other in others}:
        raise ValueError(f"there is another source with the name {folder.name}")
    _check_ids(folder, make_catalogue(others), {id_ for other in others for id_ in other.ids})
    known = make_catalogue([*others, folder])
    for entry in folder.object_types:
        read_schema(folder, entry)
    sources = _imported(folder)
    found = [getattr(getattr(source, "info", None), "id", None) for source in sources]
    if Counter(found) != Counter(folder.ids):
        raise ValueError(f"{FILE_NAME} has the ids {list(folder.ids)}, and SOURCES has {found}")
    for source in sources:
        check_source(source, known)


def check_folder(name: str, package: str, configured: Iterable[Any] = ()) -> None:
    """Check a package, installed or not, as the platform would, for the tests of packages.

    Args:
        name: The name of its entry point.
        package: The package.
        configured: The sources that exist only with settings, such as a client id.

    Raises:
        ValueError: It does not keep the contract; the text says what is wrong.
    """
    others = [folder for folder in registrations() if folder.name != name]
    folder = read_package(EntryPoint(name, package, GROUP))
    check_package(folder, others)
    known = make_catalogue([*others, folder])
    for source in configured:
        check_source(source, known)


def _check_ids(folder: Registration, known: Catalogue, connectable: Iterable[int]) -> None:
    if not folder.ids and not folder.sources:
        raise ValueError(f"{FILE_NAME} registers no source")
    for kind, entries, taken in (
        ("source", folder.sources, known.sources),
        ("service type", folder.service_types, known.service_types),
        ("object type", folder.object_types, known.object_types),
    ):
        seen: dict[Any, Any] = {}
        for entry in entries:
            if entry["id"] < FIRST_ID:
                raise ValueError(f"the {kind} {entry['id']} is below {FIRST_ID}: those ids are reserved")
            if entry["id"] in taken or entry["id"] in seen:
                other = taken[entry["id"]].name if entry["id"] in taken else seen[entry["id"]]
                raise ValueError(f"the {kind} {entry['id']} is already {other}")
            if entry["reference"] in {one.reference for one in taken.values()}:
                raise ValueError(f"the reference {entry['reference']} is already that of another {kind}")
            seen[entry["id"]] = entry["name"]
    own = {entry["id"] for entry in folder.sources}
    for id_ in folder.ids:
        if id_ in connectable:
            raise ValueError(f"the source {id_} is already {known.sources[id_].name}")
        if id_ not in own:
            raise ValueError(f"{FILE_NAME}: ids has {id_}, which is not among its sources")
    _check_references(folder, known)


def _check_references(folder: Registration, known: Catalogue) -> None:
    services = known.service_types.keys() | {entry["id"] for entry in folder.service_types}
    for entry in (*folder.service_types, *folder.object_types):
        if entry["group"] not in known.service_groups:
            raise ValueError(f"there is no service group {entry['group']}")
    for entry in folder.sources:
        if entry["serviceType"] not in services:
            raise ValueError(f"there is no service type {entry['serviceType']}")
        for field, there in (
            ("groups", known.service_groups.keys()),
            ("countries", known.countries.keys()),
            ("types", known.source_types.keys()),
            ("platforms", known.platforms.keys()),
        ):
            if not set(entry.get(field, ())) <= there:
                raise ValueError(f"{field} of the source {entry['id']} has an id that does not exist")


def read_schema(folder: Registration, entry: Entry) -> dict[str, Any]:
    """Read the JSON Schema of an object type that a package registers. Raises ValueError."""
    name = f"{SCHEMA_FOLDER}/{entry['reference']}.schema.json"
    try:
        schema = json.loads((package_folder(folder.package) / name).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"the schema {name} cannot be read: {type(error).__name__}") from error
    if not isinstance(schema, dict) or schema.get("x-object-type") != entry["id"]:
        raise ValueError(f'the schema {name} must have "x-object-type": {entry["id"]}')
    return schema


def _imported(folder: Registration) -> Sequence[Any]:
    try:
        sources = import_module(f"{folder.package}.source").SOURCES
        return [*sources]
    except (Exception, SystemExit) as error:
        raise ValueError(f"{folder.package}.source cannot be imported: {type(error).__name__}: {error}") from error


def distribution_of(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else "?"
