"""The tree of errors: drawn as it is, each with something to do, each whole after a journey between processes."""

import pickle
import re

import pytest

from privateshare import errors
from privateshare.errors import ApiError, AuthorizationFailed, PrivateShareError

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, PrivateShareError) and kind not in (PrivateShareError, ApiError)
]


def made(kind: type[PrivateShareError]) -> PrivateShareError:
    """One of this kind."""
    if kind is AuthorizationFailed:
        return AuthorizationFailed("USER_CANCEL")
    return kind("what happened", reference="r1", retry_after=2.0)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_says_what_to_do_and_survives_pickling(kind: type[PrivateShareError]):
    """In its text, beside what happened and the reference."""
    error = made(kind)
    assert kind.__doc__
    assert kind.code == kind.__name__
    if kind.__name__ != "ConfigurationError":  # whose message says it
        assert error.hint in str(error)
        assert error.hint
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_the_tree_is_drawn_as_it_is():
    """Every class with its status, in the docstring at the top of the module."""
    names = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
    assert names == {kind.__name__ for kind in KINDS} | {"ApiError"}
    statuses = dict(re.findall(r"[├└]── (\w+) +(\d{3}) ?", errors.__doc__ or ""))
    assert statuses == {kind.__name__: str(kind.status) for kind in KINDS if issubclass(kind, ApiError)}
