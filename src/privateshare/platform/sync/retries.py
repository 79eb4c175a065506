"""Retries of a sync that failed temporarily: after growing pauses, up to a limit."""

from asyncio import CancelledError

import psycopg
from obstore.exceptions import BaseError as StoreError
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.exceptions import JobAborted
from procrastinate.jobs import Job
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, InternalError, OperationalError, TimeoutError

from privateshare.errors import PrivateShareError
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.blobs.store_errors import STORE_ERRORS, BlobStoreUnavailable, describe_store_error
from privateshare.platform.db.statements import CONNECTION_ERRORS
from privateshare.platform.keystore.store import KeyStoreUnavailable
from privateshare.platform.library.libraries import AccountGone, KeyNotOpened

RETRY_PAUSES_SECONDS = (2, 10, 30, 60)  # Apps stop waiting after five minutes (protocol 6.1).
MAX_TRIES = len(RETRY_PAUSES_SECONDS) + 1
# If a source asks for a longer pause, the sync ends, and the app learns when it can start another.
MAX_REQUESTED_PAUSE_SECONDS = 90

# The database, the blob store or the key store is not available, another worker writes the same rows, because it was
# wrongly taken for dead, or a key cannot be opened, such as a master key that the operator has not listed.
TEMPORARY_ERRORS = (
    OperationalError,
    InterfaceError,
    TimeoutError,
    IntegrityError,
    psycopg.IntegrityError,
    InternalError,
    *CONNECTION_ERRORS,
    StoreError,
    KeyStoreUnavailable,
    BlobStoreUnavailable,
    AccountGone,
    KeyNotOpened,
    SealBroken,
    OSError,
)


class RetryLater(Exception):
    """A sync failed temporarily and is to be retried after a pause, in seconds."""

    def __init__(self, pause: int) -> None:
        self.pause = pause
        super().__init__(f"The sync failed temporarily; retrying in {pause} seconds")


def describe_error(error: BaseException) -> str:
    """Say in one line what failed, without values of rows or addresses with secrets."""
    if isinstance(error, (*STORE_ERRORS, PrivateShareError)):
        return describe_store_error(error)
    reason = str(error.orig if isinstance(error, DBAPIError) else error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {reason}" if reason else type(error).__name__


def pause_before_retry(tries: int, requested: int = 0) -> int | None:
    """Compute the pause before the next try.

    Args:
        tries: How often the sync was tried.
        requested: The seconds that the source asked to wait.

    Returns:
        The pause in seconds; None if the sync is not retried.
    """
    if tries >= MAX_TRIES or requested > MAX_REQUESTED_PAUSE_SECONDS:
        return None
    return max(RETRY_PAUSES_SECONDS[tries - 1], requested)


class SyncRetryStrategy(BaseRetryStrategy):
    """Retries the jobs that raise RetryLater, and those that were interrupted because the process stops."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Decide when a failed job runs again; None if it does not."""
        del job
        if isinstance(exception, RetryLater):
            return RetryDecision(retry_in={"seconds": exception.pause})
        if isinstance(exception, CancelledError | JobAborted):
            return RetryDecision()
        return None
