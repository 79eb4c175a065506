"""Tests of the cache of contracts' public keys."""

from tests.keys import rsa_key

from privateshare.platform.keys.known_keys import KnownKeys
from privateshare.protocol import jwt

PEMS = [jwt.public_pem(rsa_key(number).public_key()) for number in range(2)]


def test_the_contracts_that_sent_requests_last_are_known() -> None:
    """The cache is bounded: a caller who makes up client ids gets nothing into it, and many contracts share it."""
    known = KnownKeys(max_keys=2)
    for client in ("a", "b", "a", "c"):
        known.remember(client, PEMS[0])
    assert [known.find(client) is not None for client in ("a", "b", "c")] == [True, False, True]
    assert known.find(None) is known.find(5) is known.find(["a"]) is None


def test_a_contract_with_a_new_key_is_known_by_it() -> None:
    """The key that it had before does not count any more."""
    known = KnownKeys()
    for pem in PEMS:
        known.remember("a", pem)
    found = known.find("a")
    assert found is not None
    assert jwt.public_pem(found) == PEMS[1]
    assert known.load(PEMS[1]) is found
