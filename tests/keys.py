"""RSA keys for tests, which share a few: making one takes a tenth of a second of CPU."""

from functools import cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

OTHER = 5  # The number of a key that belongs to nobody: contracts of the flow tests have those before it.


@cache
def rsa_key(number: int = 0) -> RSAPrivateKey:
    """Return the key with this number; each number has its own."""
    return generate_private_key(65537, 2048)
