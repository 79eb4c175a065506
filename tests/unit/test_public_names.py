"""What `from privateshare import …` offers, and what importing it costs."""

import importlib.metadata
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import privateshare
from privateshare.protocol import jwt
from tests.keys import rsa_key

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
DOCUMENTED = re.compile(r"^(?:\.\. auto(?:class|function|exception):: (?:privateshare\.)?|### )(\w+)$", re.MULTILINE)
PUBLIC_NAMES: list[str] = import_module("privateshare").__all__
MODULES_OF_VALUES = ("catalogue", "discovery", "messages")
"""`docs/reference/values.md` is generated from these modules of the protocol."""


def test_every_public_name_is_documented():
    """In the reference, by hand or generated; and every name of the reference of the SDK and its errors is there."""
    written = {name for page in ("sdk.md", "errors.md") for name in DOCUMENTED.findall((REFERENCE / page).read_text())}
    generated = {
        name
        for name in PUBLIC_NAMES
        if getattr(privateshare, name).__module__ in {f"privateshare.protocol.{module}" for module in MODULES_OF_VALUES}
    }
    assert set(PUBLIC_NAMES) == written | generated
    for name in PUBLIC_NAMES:
        assert getattr(privateshare, name) is not None


def test_the_version_is_that_of_the_distribution():
    """For programs that ask for it, and for people who report a fault."""
    assert privateshare.__version__ == importlib.metadata.version("privateshare")
    assert "__version__" not in PUBLIC_NAMES


def test_a_star_import_gives_the_public_names():
    """They are listed once, in `__init__.pyi`."""
    names: dict[str, object] = {}
    exec("from privateshare import *", names)
    assert set(PUBLIC_NAMES) == names.keys() - {"__builtins__"}


@pytest.mark.parametrize(
    "names", ["PrivateShare", "PageOptions, UserAccessToken, FileTokenStore, InvalidToken, ObjectType"]
)
def test_importing_the_client_imports_nothing_heavy(names: str) -> None:
    """HTTP, crypto, JOSE and pydantic come when a client is made, and asyncio with its own."""
    script = f"import sys; from privateshare import {names}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    heavy = {"httpx2", "joserfc", "cryptography", "pydantic", "backports", "brotli", "asyncio", "ssl", "http", "email"}
    assert heavy.isdisjoint(loaded)


def test_creating_a_client_imports_what_its_calls_need():
    """So that the first call does not wait for imports."""
    pem = jwt.private_pem(rsa_key())
    script = f"""
import sys
from privateshare import PrivateShare
with PrivateShare("a", contract_id="c", private_key={pem!r}):
    print(*sys.modules)
"""
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert {"httpx2", "joserfc", "cryptography", "pydantic", "privateshare.sdk.reading.file_reader"}.issubset(loaded)


def test_the_asyncio_client_needs_no_more_than_asyncio():
    """Beside what the blocking one needs."""
    script = "import sys; from privateshare import AsyncPrivateShare; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert {"httpx2", "joserfc", "cryptography", "pydantic", "backports", "brotli"}.isdisjoint(loaded)


def test_an_unknown_name_is_an_attribute_error():
    """As with every module."""
    with pytest.raises(AttributeError, match="nothing"):
        privateshare.nothing  # type: ignore[attr-defined]  # noqa: B018
