"""What decides which objects an export has, besides the export: the code that reads it, and the time zones."""

import re
import sys
import zoneinfo
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from privateshare.sources.installed import package_folder

OWN_PACKAGES = ("privateshare.protocol", "privateshare.sources")
DISTRIBUTION = "privateshare"
# Time zones come from a distribution, or else from the system, which has one of these files for all of them.
ZONES, FILES_OF_ZONES = "tzdata", ("tzdata.zi", "+VERSION")
_NAME = re.compile(r"[\w.-]+")


@cache
def reading_version(package: str | None) -> str:
    """Return a text that differs if the same export could be read otherwise. Blocks when it is called first.

    It covers the files of the sources, of what they use of this project, and of the package of the source if it is
    installed on its own, the versions of the libraries and of Python, and the rules of the time zones, which change
    several times a year.

    Args:
        package: The package of the source.
    """
    content = sha256(sys.version.encode())
    for library in _libraries():
        content.update(library.encode())
    for rules in _rules_of_zones():
        content.update(sha256(rules).digest())
    top = "" if package is None else package.partition(".")[0]
    for name in OWN_PACKAGES if top in ("", DISTRIBUTION) else (*OWN_PACKAGES, top):
        folder = package_folder(name)
        for path in sorted(folder.rglob("*")):
            if "__pycache__" not in path.parts and path.is_file():
                content.update(sha256(str(path.relative_to(folder)).encode()).digest())
                content.update(sha256(path.read_bytes()).digest())
    return content.hexdigest()


def _libraries() -> Iterator[str]:
    with suppress(PackageNotFoundError):
        for required in [*sorted(requires(DISTRIBUTION) or ()), ZONES]:
            name = _NAME.match(required)
            with suppress(PackageNotFoundError):  # It belongs to an extra that is not installed.
                if name is not None:
                    yield f"{name.group()} {version(name.group())}\n"


def _rules_of_zones() -> Iterator[bytes]:
    """Yield the files that say which rules the time zones of the system have."""
    for folder in zoneinfo.TZPATH:
        for name in FILES_OF_ZONES:
            with suppress(OSError):
                yield Path(folder, name).read_bytes()
