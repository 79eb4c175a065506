"""Tests of the descriptors of pushed files, which are signed once for many files."""

import pytest

from privateshare import PushDescriptor
from privateshare.protocol import jwt
from privateshare.sdk import core
from privateshare.sdk.core import SignedDescriptors
from tests.keys import rsa_key

KEY = rsa_key()


def described(**changes: object) -> PushDescriptor:
    """Return a descriptor."""
    return PushDescriptor.model_validate({"mimeType": "text/plain", "accounts": [{"accountId": "a"}]} | changes)


def test_the_same_descriptor_is_signed_once() -> None:
    """Files with the same descriptor are sent with the same JWT, and a changed descriptor gets another one."""
    signed, same, other = SignedDescriptors(), described(tags=["x"]), described(tags=["x"])
    first = signed.sign(KEY, same)
    assert signed.sign(KEY, other) == first
    assert other.tags is not None
    other.tags.append("y")
    assert jwt.verify(signed.sign(KEY, other), rsa_key().public_key()) == {"metadata": other.to_wire()}
    assert jwt.verify(first, rsa_key().public_key()) == {"metadata": same.to_wire()}


def test_an_app_that_describes_every_file_fills_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The descriptors that were signed longest ago are forgotten."""
    monkeypatch.setattr(core, "MAX_SIGNED_DESCRIPTORS", 2)
    signed = SignedDescriptors()
    tokens = [signed.sign(KEY, described(tags=[str(number)])) for number in range(3)]
    assert signed.sign(KEY, described(tags=["2"])) == tokens[2]
    assert signed.sign(KEY, described(tags=["0"])) != tokens[0]
