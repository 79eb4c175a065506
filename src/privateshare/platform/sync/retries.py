"""When a sync that failed in passing is tried again: after growing pauses, up to a limit."""

from asyncio import CancelledError

import psycopg
from obstore.exceptions import BaseError as StoreError
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.exceptions import JobAborted
from procrastinate.jobs import Job
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError, TimeoutError

from privateshare.platform.keystore.store import KeyStoreUnavailable
from privateshare.platform.library.libraries import AccountGone

PAUSES = (2, 10, 30, 60)  # seconds: apps give up after five minutes (protocol 6.1)
MAX_TRIES = len(PAUSES) + 1
LONGEST_PAUSE = 90  # a source that asks for more is not waited for: the app is told when to come back

# the database, the blob store or the key store is away, or another worker, thought dead, writes the same
PASSING = (
    OperationalError,
    InterfaceError,
    TimeoutError,
    IntegrityError,
    psycopg.OperationalError,
    StoreError,
    KeyStoreUnavailable,
    AccountGone,
    OSError,
)


class TryAgain(Exception):
    """A sync failed in passing; the next try comes after so many seconds."""

    def __init__(self, pause: int) -> None:
        self.pause = pause
        super().__init__(f"trying again in {pause} seconds")


def pause_after(tries: int, asked: int = 0) -> int | None:
    """The seconds until the next try, after `tries` of them failed and the source asked for `asked` seconds.

    None if there is none: the sync is given up.
    """
    if tries >= MAX_TRIES or asked > LONGEST_PAUSE:
        return None
    return max(PAUSES[tries - 1], asked)


class SyncTries(BaseRetryStrategy):
    """Puts a job back that is to be tried again, or that this process cut off because it stops."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """When it runs again, None if not."""
        del job
        if isinstance(exception, TryAgain):
            return RetryDecision(retry_in={"seconds": exception.pause})
        if isinstance(exception, CancelledError | JobAborted):
            return RetryDecision()
        return None
