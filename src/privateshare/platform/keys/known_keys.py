"""A cache of the public keys of contracts, so that a signature can be checked without a database query."""

from collections import OrderedDict
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from privateshare.protocol import jwt

MAX_KEYS = 10_000


class KnownKeys:
    """The public keys of the contracts that sent requests recently, by client id (protocol 1).

    A key may be out of date, so it only decides in which queue a request waits.
    """

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._keys: OrderedDict[str, tuple[str, RSAPublicKey]] = OrderedDict()  # The most recently used key comes last.
        self._parsed = lru_cache(max_keys)(jwt.load_public_key)

    def remember(self, client_id: str, public_key: str) -> None:
        """Cache the public key (PEM) of a contract after its signature was verified."""
        known = self._keys.get(client_id)
        if known is None or known[0] != public_key:
            self._keys[client_id] = public_key, self.load(public_key)
        self._keys.move_to_end(client_id)
        if len(self._keys) > self._max_keys:
            self._keys.popitem(last=False)

    def load(self, public_key: str) -> RSAPublicKey:
        """Parse a public key (PEM), or return the one that was parsed before."""
        return self._parsed(public_key)

    def find(self, client_id: object) -> RSAPublicKey | None:
        """Return the public key of a contract, or None if it is not in the cache."""
        known = self._keys.get(client_id) if isinstance(client_id, str) else None
        return known[1] if known is not None else None
