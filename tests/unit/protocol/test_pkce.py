"""Protocol 4.1: code verifier and challenge."""

import pytest

from privateshare.protocol import pkce

pytestmark = pytest.mark.protocol("4.1")


def test_the_challenge_is_that_of_rfc_7636_appendix_b() -> None:
    """The example of RFC 7636 gives the challenge that the RFC prints."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert pkce.challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_verifier_matches_only_its_own_challenge() -> None:
    """Two verifiers differ, and neither matches the challenge of the other."""
    one, other = pkce.new_verifier(), pkce.new_verifier()
    assert pkce.verifies(one, pkce.challenge(one))
    assert not pkce.verifies(other, pkce.challenge(one))


@pytest.mark.parametrize("length", [42, 129])
def test_a_verifier_of_the_wrong_length_never_matches(length: int) -> None:
    """A verifier has 43 to 128 characters, whatever the challenge is."""
    verifier = "a" * length
    assert not pkce.verifies(verifier, pkce.challenge(verifier))


@pytest.mark.parametrize("text", ["", "a" * 42, "a" * 44, "=" * 43, "a" * 42 + "\n"])
def test_a_challenge_has_43_characters_of_base64url(text: str) -> None:
    """Anything else is rejected before it is stored."""
    assert not pkce.is_challenge(text)
