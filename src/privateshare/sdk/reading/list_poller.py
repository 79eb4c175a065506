"""Asks the platform which files a session has, until it has no more."""

import threading
from collections.abc import Callable, Mapping
from time import monotonic, time
from typing import Protocol

from privateshare.errors import InvalidAnswer, InvalidSession
from privateshare.protocol.messages import FileList, Session, SessionState
from privateshare.sdk.consent import authorization_error
from privateshare.sdk.core import Core
from privateshare.sdk.drivers._sync.driver import Driver
from privateshare.sdk.flows.sessions import ListedFiles, key_of, wait_for_list
from privateshare.sdk.reading.results import ReadResult, SessionNeverStarted
from privateshare.sdk.tokens import Holder

# Protocol 6.7: how long a platform may hold its response, and how often to ask one that does not hold it.
LONG_POLL_SECONDS = 20
POLL_SECONDS = 3.0
SHORTEST_PAUSE_SECONDS = 0.2
"""The pause between two requests, however often the platform says that something changed."""
# Protocol 4.6.
SESSION_SECONDS = 24 * 3600.0
FIRST_EXPIRY_IN_MILLISECONDS = 10**11
"""A smaller expiry is in seconds (protocol 2.3)."""
ENDED_STATES = frozenset({SessionState.COMPLETED, SessionState.PARTIAL})
NOT_CONSENTED = "Nobody consented before the session expired"


class ListReceiver(Protocol):
    """Receives the file lists that a poller gets."""

    def receive_list(self, files: FileList, unreadable: Mapping[str, InvalidAnswer]) -> None:
        """Take a newer file list, and the entries of it that could not be parsed."""

    def receive_status(self, files: FileList) -> None:
        """Take the status of a newer file list."""

    def snapshot(self) -> ReadResult:
        """Return what has been read so far."""


class ListPoller:
    """Polls the file list of one session, on the thread that calls `run`."""

    def __init__(self, core: Core, driver: Driver, holder: Holder, session: Session | str) -> None:
        self._core, self._driver = core, driver
        self._holder, self._session_key = holder, key_of(session)
        self._pending_until = monotonic() + _seconds_left(session)
        self._state = SessionState.PENDING
        self._stopping = threading.Event()

    @property
    def is_stopping(self) -> bool:
        """Whether nobody needs the list any more."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Stop soon, also while waiting for a response."""
        self._stopping.set()
        self._driver.abandoned.set()

    def run(self, receiver: ListReceiver) -> None:
        """Poll until the session has ended.

        Raises:
            SessionNeverStarted: The person declined, or did not consent in time.
            PrivateShareError: The list cannot be read.
            Abandoned: `stop` was called.
        """
        listed: ListedFiles | None = None
        while not self.is_stopping:
            began = monotonic()
            newer = self._list(listed, receiver.snapshot)
            if newer.files.status.state in ENDED_STATES:
                self._check_started(newer.files, receiver)
            receiver.receive_list(newer.files, newer.unreadable)
            self._state = newer.files.status.state
            if self._state in ENDED_STATES:
                return
            if self._state is SessionState.PENDING and monotonic() > self._pending_until:
                raise SessionNeverStarted(NOT_CONSENTED, receiver.snapshot())
            # A platform that does not hold its response, or not for long, is asked less often.
            pause = POLL_SECONDS if newer.etag is None or newer == listed else SHORTEST_PAUSE_SECONDS
            self._stopping.wait(max(0.0, pause - (monotonic() - began)))
            listed = newer

    def _list(self, known: ListedFiles | None, snapshot: Callable[[], ReadResult]) -> ListedFiles:
        longest = LONG_POLL_SECONDS
        if self._state is SessionState.PENDING:
            longest = min(longest, 1 + int(max(0.0, self._pending_until - monotonic())))
        # A response that is held for longer than the timeout would count as lost.
        wait = min(longest, int(self._core.configuration.timeout / 2))
        try:
            return self._driver.drive(wait_for_list(self._core, self._holder, self._session_key, wait, known))
        except InvalidSession as error:
            if known is not None and self._state is SessionState.PENDING:
                raise SessionNeverStarted(NOT_CONSENTED, snapshot()) from error
            raise

    def _check_started(self, files: FileList, receiver: ListReceiver) -> None:
        """Raise SessionNeverStarted if the session ended because no consent will come. Protocol 6.1."""
        if files.status.error is not None:
            receiver.receive_status(files)
            reason = authorization_error(files.status.error.code)
            message = f"The session ended before it began: {files.status.error.message or reason.message}"
            raise SessionNeverStarted(message, receiver.snapshot()) from reason


def _seconds_left(session: Session | str) -> float:
    """Return how long a session may still wait for consent, and a little more because clocks differ."""
    if isinstance(session, str):
        return SESSION_SECONDS
    expiry = session.expiry if session.expiry < FIRST_EXPIRY_IN_MILLISECONDS else session.expiry / 1000
    return max(0.0, expiry - time()) + POLL_SECONDS
