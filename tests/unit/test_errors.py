"""The tree of errors: drawn as it is, each with something to do, each whole after a journey between processes."""

import pickle
import re
import tomllib
from pathlib import Path

import pytest

from privateshare import errors
from privateshare.errors import ApiError, AuthorizationFailed, PrivateShareError
from privateshare.protocol.messages import SessionState, Status
from privateshare.sdk.reading import results
from privateshare.sdk.reading.results import ReadIncomplete, ReadResult

KINDS = [
    kind
    for kind in (vars(errors) | vars(results)).values()
    if isinstance(kind, type) and issubclass(kind, PrivateShareError) and kind not in (PrivateShareError, ApiError)
]


def made(kind: type[PrivateShareError]) -> PrivateShareError:
    """One of this kind."""
    if issubclass(kind, AuthorizationFailed):
        return kind("USER_CANCEL")
    if issubclass(kind, ReadIncomplete):
        return kind("what happened", ReadResult(Status(state=SessionState.PARTIAL), 1, 0, 7, [], []))
    return kind("what happened", reference="r1", retry_after=2.0)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_says_what_to_do_and_survives_pickling(kind: type[PrivateShareError]) -> None:
    """In its text, beside what happened and the reference."""
    error = made(kind)
    assert kind.__doc__
    assert kind.code == kind.__name__
    if kind.__name__ != "ConfigurationError":  # whose message says it
        assert error.hint in str(error)
        assert error.hint
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_the_tree_is_drawn_as_it_is() -> None:
    """Every class with its status, in the docstring at the top of the module."""
    names = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
    assert names == {kind.__name__ for kind in KINDS} | {"ApiError"}
    statuses = dict(re.findall(r"[├└]── (\w+) +(\d{3}) ?", errors.__doc__ or ""))
    assert statuses == {kind.__name__: str(kind.status) for kind in KINDS if issubclass(kind, ApiError)}


ROOT = Path(__file__).parents[2]
SECTION = re.compile(r"^### (\w+)\n+(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)


def documented() -> dict[str, str]:
    """Return the sections of the error reference by their heading."""
    return dict(SECTION.findall((ROOT / "docs" / "reference" / "errors.md").read_text("utf-8")))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_reference_has_a_section_for_each_error_with_its_status(kind: type[PrivateShareError]) -> None:
    """The link of an error leads to it: Sphinx makes the anchor of the heading, in small letters."""
    section = documented()[kind.__name__]
    assert made(kind).help_url == f"{errors.DOCUMENTATION_URL}/reference/errors.html#{kind.__name__.lower()}"
    if issubclass(kind, ApiError):
        assert section.startswith(f"Status {kind.status}. ")
        assert "**What to do:**" in section or "**Usual causes:**" in section


def test_the_reference_has_no_section_of_an_error_that_is_gone() -> None:
    """Each heading is a class."""
    assert documented().keys() == {kind.__name__ for kind in KINDS} | {"ApiError", "PrivateShareError"}


def test_an_error_of_an_app_links_to_the_class_that_it_extends() -> None:
    """An app may extend the tree; its own classes have no section."""

    class Refused(errors.InvalidToken):
        """An error of an app."""

    assert Refused("x").help_url == errors.InvalidToken("x").help_url


def test_the_documentation_is_where_the_package_says() -> None:
    """The one address is that of the package's metadata."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["urls"]["Documentation"].rstrip("/") == errors.DOCUMENTATION_URL
