"""The SDK's log: a line at DEBUG for each request, with its route instead of its address, which may hold secrets.

It is the logger `privateshare`. The environment variable `PRIVATESHARE_LOG` switches it on.
"""

import logging
import os
from time import monotonic

from privateshare.errors import ConfigurationError
from privateshare.sdk.http.deadlines import DEADLINE
from privateshare.sdk.http.requests import Request, Response

SWITCH = "PRIVATESHARE_LOG"
LEVELS = ("debug", "info", "warning", "error")

log: logging.Logger = logging.getLogger("privateshare")


class _OthersOnly(logging.Filter):
    """Drops what httpx2 logs of the SDK's requests: whole addresses at INFO, and a session's key is part of one.

    What httpx2 logs of the app's own requests stays.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        del record
        return DEADLINE.get(None) is None


logging.getLogger("httpx2").addFilter(_OthersOnly())


def log_outcome(request: Request, began: float, outcome: Response | BaseException) -> None:
    """Log a request that began at a time of the monotonic clock: with its status, or the kind of its error."""
    if log.isEnabledFor(logging.DEBUG):
        told = outcome.status if isinstance(outcome, Response) else type(outcome).__name__
        log.debug("%s %s: %s in %.0f ms", request.method, request.route, told, (monotonic() - began) * 1000)


def log_as_environment_says() -> None:
    """Set the level of the log to that of PRIVATESHARE_LOG. If the app has no handler for it, print it.

    Raises:
        ConfigurationError: The value is not a level.
    """
    level = os.environ.get(SWITCH, "").strip().lower()
    if not level:
        return
    if level not in LEVELS:
        raise ConfigurationError(f"{SWITCH} must be one of {', '.join(LEVELS)}")
    log.setLevel(level.upper())
    if not log.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
        log.addHandler(handler)
