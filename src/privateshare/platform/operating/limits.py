"""Rate limits. Each process counts its own requests, so several processes together allow a multiple of the limit."""

import math
import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from privateshare.errors import TooManyRequests
from privateshare.platform.operating.settings import Settings

PROOF_TRIES = RateLimitItemPerMinute(20)
PASSKEY_CHALLENGES = RateLimitItemPerMinute(60)


class RateLimits:
    """The rate limits of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._signed = RateLimitItemPerMinute(settings.signed_calls_per_minute)
        self._unsigned = RateLimitItemPerMinute(settings.unsigned_calls_per_minute)

    def check_contract(self, contract_id: str) -> None:
        """Count a signed request of a contract. Raises TooManyRequests with the seconds to wait. Protocol 13."""
        self._check(self._signed, "contract", contract_id)

    def check_proof(self, address: str) -> None:
        """Count a try of a recovery code or passkey, by where it came from. Raises TooManyRequests."""
        self._check(PROOF_TRIES, "proof", address)

    def check_challenge(self, address: str) -> None:
        """Count a challenge for a passkey, by where the request came from. Raises TooManyRequests."""
        self._check(PASSKEY_CHALLENGES, "challenge", address)

    def check_address(self, address: str) -> None:
        """Count an unsigned request from an address. Raises TooManyRequests."""
        self._check(self._unsigned, "address", address)

    def _check(self, limit: RateLimitItemPerMinute, *who: str) -> None:
        if not self._limiter.hit(limit, *who):
            reset = self._limiter.get_window_stats(limit, *who).reset_time
            raise TooManyRequests(
                f"More than {limit.amount} requests in a minute", retry_after=max(1, math.ceil(reset - time.time()))
            )
