"""Tests of the hints in tokens and codes: only the platform reads them, and each fits its own secret alone."""

import re
import string
from base64 import urlsafe_b64decode
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from hypothesis import given
from hypothesis import strategies as st

from privateshare.platform.keys.hints import HINT_BYTES, KEY_BITS, SECRET_CHARACTERS, LibraryHints, SecretKind

HINTS = LibraryHints(AESSIV.generate_key(KEY_BITS))
HINT_CHARACTERS = 43  # 32 bytes end within the 43rd character.
MINE, THEIRS = uuid4(), uuid4()
ALPHABET = string.ascii_letters + string.digits + "-_"


@pytest.mark.parametrize("kind", SecretKind)
def test_the_platform_finds_the_library_of_a_secret(kind: SecretKind) -> None:
    """Of each kind, and of no other kind."""
    secret = HINTS.new_secret(kind, MINE)
    assert re.fullmatch(r"[A-Za-z0-9_-]{86}", secret)
    assert {other: HINTS.library_of(other, secret) for other in SecretKind} == {
        other: MINE if other is kind else None for other in SecretKind
    }


def test_secrets_of_one_library_have_nothing_in_common() -> None:
    """Otherwise two apps could find out that they have the same person."""
    made = [urlsafe_b64decode(HINTS.new_secret(SecretKind.ACCESS, MINE) + "==") for _ in range(100)]
    assert all(len({secret[place] for secret in made}) > 1 for place in range(len(made[0])))
    assert not any(MINE.bytes in secret for secret in made)


def test_a_hint_fits_no_other_secret() -> None:
    """Not even another one of the same library: it is authenticated together with the random part."""
    for library_id in (MINE, THEIRS):
        one, other = HINTS.new_secret(SecretKind.ACCESS, MINE), HINTS.new_secret(SecretKind.ACCESS, library_id)
        for at in (HINT_CHARACTERS - 1, HINT_CHARACTERS):
            for swapped in (one[:at] + other[at:], other[:at] + one[at:]):
                assert HINTS.library_of(SecretKind.ACCESS, swapped) is None


def test_each_changed_character_breaks_the_hint() -> None:
    """Also those of the random part. The last one has bits that stand for nothing; the hash of the secret has them."""
    secret = HINTS.new_secret(SecretKind.REFRESH, MINE)
    for at in range(SECRET_CHARACTERS - 1):
        changed = secret[:at] + ("A" if secret[at] != "A" else "B") + secret[at + 1 :]
        assert HINTS.library_of(SecretKind.REFRESH, changed) is None


@pytest.mark.parametrize("length", [0, 1, 43, 85, 87, 90])
def test_a_secret_of_another_length_has_no_library(length: int) -> None:
    """It was cut off, or something was added."""
    secret = (HINTS.new_secret(SecretKind.CODE, MINE) + "AAAA")[:length]
    assert HINTS.library_of(SecretKind.CODE, secret) is None


def test_another_platform_cannot_read_it() -> None:
    """Its key is another one."""
    foreign = LibraryHints(AESSIV.generate_key(KEY_BITS)).new_secret(SecretKind.ACCESS, MINE)
    assert HINTS.library_of(SecretKind.ACCESS, foreign) is None


@given(
    st.text(min_size=SECRET_CHARACTERS, max_size=SECRET_CHARACTERS)
    | st.text(ALPHABET + "=", min_size=SECRET_CHARACTERS, max_size=SECRET_CHARACTERS)
    | st.one_of(st.none(), st.integers(), st.binary(), st.lists(st.text()))
)
def test_nothing_else_is_a_secret(shown: object) -> None:
    """Whatever an app sends instead is unknown, and no error."""
    assert HINTS.library_of(SecretKind.ACCESS, shown) is None


def test_the_hint_is_all_that_is_encrypted() -> None:
    """A secret has 256 random bits besides it."""
    assert (SECRET_CHARACTERS * 6) // 8 - HINT_BYTES == 32
