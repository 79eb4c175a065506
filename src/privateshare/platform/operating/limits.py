"""Rate limits that hold for all processes of a platform together.

Each process counts in memory, and adds its count to the one in the database after each hundredth of a limit. Then it
learns what the others have counted. So a small limit is exact. A large one costs one small statement for hundreds of
requests, and may be exceeded by one percent for each further process.

The requests of the last 60 seconds are estimated from those of this minute, and a part of those of the one before.
"""

import hashlib
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from privateshare.errors import TooManyRequests
from privateshare.platform.operating.client_addresses import client_network, shown_address
from privateshare.platform.operating.settings import Settings

PROOF_TRIES_PER_MINUTE = 60
PASSKEY_CHALLENGES_PER_MINUTE = 60
SERVER_TRIES_PER_MINUTE = 20
UNSHARED_PART = 100  # A process keeps at most this part of a limit to itself.
MINUTE_SECONDS = 60
MAX_CALLERS = 100_000

ShareCount = Callable[[bytes, int, int], Awaitable[tuple[int, int]]]
"""A function that adds a number of requests to the count of a caller and a minute that all processes share.

It returns the count of this minute and of the one before. Callers are named by a hash.
"""


@dataclass(slots=True)
class _Count:
    """The requests of one caller in one minute: those that all processes know of, and those that only this one does."""

    minute: int
    known: int = 0
    unshared: int = 0
    before: int = 0

    def estimate(self, now: float) -> float:
        """Estimate how many requests there were in the last 60 seconds."""
        return self.known + self.unshared + self.before * (1 - now % MINUTE_SECONDS / MINUTE_SECONDS)


class RateLimits:
    """The rate limits of the settings. `secret` hides the callers' names in the database."""

    def __init__(
        self, settings: Settings, share: ShareCount, secret: bytes, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings, self._share, self._secret, self._clock = settings, share, secret, clock
        self._minute = 0
        self._counts: dict[bytes, _Count] = {}  # Those of this minute, the oldest first.
        self._counts_before: Mapping[bytes, _Count] = {}  # Those of the minute before.

    async def check_contract(self, contract_id: str) -> None:
        """Count a signed request of a contract. Raises TooManyRequests with the seconds to wait. Protocol 13."""
        limit = self._settings.signed_calls_per_minute
        await self._check(limit, f"contract {contract_id}", f"contract {contract_id}")

    async def check_proof(self, host: str) -> None:
        """Count a try of a recovery code or passkey, by where it came from. Raises TooManyRequests."""
        await self._check(PROOF_TRIES_PER_MINUTE, f"proof {client_network(host)}", self._shown(host))

    async def check_challenge(self, host: str) -> None:
        """Count a challenge for a passkey, by where the request came from. Raises TooManyRequests."""
        await self._check(PASSKEY_CHALLENGES_PER_MINUTE, f"challenge {client_network(host)}", self._shown(host))

    async def check_server(self, host: str) -> None:
        """Count a try to reach a server that a person named, by where the request came from. Raises TooManyRequests.

        So nobody can use the platform to guess passwords at other servers, or to look for servers.
        """
        await self._check(SERVER_TRIES_PER_MINUTE, f"server {client_network(host)}", self._shown(host))

    async def check_address(self, host: str) -> None:
        """Count an unsigned request from an address. Raises TooManyRequests."""
        limit = self._settings.unsigned_calls_per_minute
        await self._check(limit, f"address {client_network(host)}", self._shown(host))

    def _shown(self, host: str) -> str:
        return f"address {shown_address(host, self._settings.log_addresses) or '(not logged)'}"

    async def _check(self, limit: int, caller: str, shown: str) -> None:
        name = hashlib.blake2b(caller.encode(), key=self._secret, digest_size=16).digest()
        count = self._count_of(name)
        count.unshared += 1
        if count.estimate(self._clock()) > limit:
            count.unshared -= 1  # Requests that are refused do not count.
            self._refuse(count, limit, shown)
        if count.unshared * UNSHARED_PART < limit:
            return
        added, count.unshared = count.unshared, 0
        count.known += added
        total, before = await self._share(name, count.minute, added)
        count.known, count.before = max(total, count.known), max(before, count.before)
        if count.estimate(self._clock()) > limit:  # Other processes have used up the limit.
            self._refuse(count, limit, shown)

    def _count_of(self, name: bytes) -> _Count:
        minute = int(self._clock()) // MINUTE_SECONDS
        if minute != self._minute:
            self._counts_before = self._counts if minute == self._minute + 1 else {}
            self._minute, self._counts = minute, {}
        count = self._counts.get(name)
        if count is None:
            before = self._counts_before.get(name)
            count = self._counts[name] = _Count(minute, before=before.known + before.unshared if before else 0)
            if len(self._counts) > MAX_CALLERS:
                del self._counts[next(iter(self._counts))]
        return count

    def _refuse(self, count: _Count, limit: int, shown: str) -> None:
        raise TooManyRequests(
            f"More than {limit} requests in a minute",
            detail=f"limited: {shown}, more than {limit} requests in a minute",
            retry_after=_seconds_to_wait(count, limit, self._clock()),
        )


def _seconds_to_wait(count: _Count, limit: int, now: float) -> int:
    """Compute after how many seconds the estimate allows another request, at most a minute."""
    elapsed = now % MINUTE_SECONDS
    own, free = count.known + count.unshared, limit - 1
    if own <= free and count.before:
        part = 1 - (free - own) / count.before
        wait = MINUTE_SECONDS * part - elapsed
    else:
        wait = MINUTE_SECONDS - elapsed + MINUTE_SECONDS * max(0.0, 1 - free / max(1, own))
    return min(MINUTE_SECONDS, max(1, math.ceil(wait)))
