"""How long an exchange may take, and what counts."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpcore2
import pytest

from privateshare import InvalidAnswer
from privateshare.sdk.concurrency import Abandoned
from privateshare.sdk.http._sync.connections import DeadlineBackend
from privateshare.sdk.http.deadlines import MAX_HEADER_BYTES, Deadline, use_deadline


def test_received_bytes_extend_the_deadline() -> None:
    """A slow connection is no attack: only less than a kilobyte per second in total is too slow."""
    steady, slow = Deadline(1), Deadline(1)
    for _ in range(1000):
        steady.count(0.5, 700)
        slow.count(0.5, 300)
    assert steady.left > 0
    assert slow.left < 0


def test_a_fast_upload_does_not_extend_the_deadline_of_its_response() -> None:
    """The response to a large upload must not be allowed to take hours."""
    deadline = Deadline(1)
    deadline.count(0.1, 1 << 30)
    assert deadline.left == 2
    deadline.count(3, 10)
    assert deadline.left < 0


def test_responses_other_than_files_have_a_total_limit() -> None:
    """The limit applies even if the data arrives at a steady rate."""
    short, long = Deadline(1, is_short=True), Deadline(1)
    for _ in range(100):
        short.count(0.5, 4096)
        long.count(0.5, 4096)
    assert short.left < 0 < long.left


def test_headers_do_not_extend_the_deadline() -> None:
    """Otherwise endless headers would never be stopped."""
    deadline = Deadline(1)
    deadline.received(time.monotonic() - 0.5, 1000)
    assert deadline.left < 1.6
    with pytest.raises(InvalidAnswer, match="headers"):
        deadline.received(time.monotonic(), MAX_HEADER_BYTES)
    deadline.has_headers = True
    deadline.received(time.monotonic(), 1 << 30)
    assert deadline.left == 2


def waiting_for(event: threading.Event) -> Callable[[socket.socket], None]:
    """Return how somebody behaves who does nothing until an event."""

    def wait(connection: socket.socket) -> None:
        event.wait(30)

    return wait


@contextmanager
def connected(serve: Callable[[socket.socket], None]) -> Iterator[httpcore2.NetworkStream]:
    """A connection of the blocking client to somebody who behaves so."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            connection, _ = listening.accept()
            with connection:
                serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        stream = DeadlineBackend(httpcore2.SyncBackend()).connect_tcp("127.0.0.1", listening.getsockname()[1])
        try:
            yield stream
        finally:
            stream.close()
            thread.join()


def test_time_between_reads_does_not_count() -> None:
    """Only the time spent waiting for the platform counts."""
    deadline = Deadline(0.5)
    deadline.has_headers = True
    with connected(lambda other: other.sendall(b"x" * 10)) as stream, use_deadline(deadline):
        for _ in range(3):
            time.sleep(0.5)
            assert stream.read(3, 10) == b"xxx"
        assert deadline.left > 0.5


def test_a_silent_connection_is_closed() -> None:
    """The shorter of the two limits applies."""
    silent = threading.Event()
    with connected(waiting_for(silent)) as stream:
        for deadline, timeout in ((Deadline(30), 0.1), (Deadline(0.1), 30.0)):
            began = time.monotonic()
            with use_deadline(deadline), pytest.raises(httpcore2.ReadTimeout):
                stream.read(1, timeout)
            assert time.monotonic() - began < 10
        silent.set()


def test_an_abandoned_read_ends_soon() -> None:
    """It ends before its limits."""
    abandoned, silent = threading.Event(), threading.Event()
    with connected(waiting_for(silent)) as stream, use_deadline(Deadline(60, abandoned)):
        threading.Timer(0.2, abandoned.set).start()
        began = time.monotonic()
        with pytest.raises(Abandoned):
            stream.read(1, 60)
        assert time.monotonic() - began < 10
        silent.set()


def test_an_upload_that_is_not_accepted_ends() -> None:
    """An upload has a deadline too."""
    full = threading.Event()
    with connected(waiting_for(full)) as stream, use_deadline(Deadline(0.2)):
        with pytest.raises(httpcore2.WriteTimeout):
            stream.write(bytes(1 << 26), 30)
        full.set()
