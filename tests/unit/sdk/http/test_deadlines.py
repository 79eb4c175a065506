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


def test_bytes_of_a_body_refill_what_waiting_took() -> None:
    """A slow line is no attack: what counts is less than a kilobyte a second on the whole."""
    steady, slow = Deadline(1), Deadline(1)
    for _ in range(1000):
        steady.count(0.5, 700)
        slow.count(0.5, 300)
    assert steady.left > 0
    assert slow.left < 0


def test_what_moved_fast_gives_no_credit_for_later() -> None:
    """A large upload must not let its answer come for hours."""
    deadline = Deadline(1)
    deadline.count(0.1, 1 << 30)
    assert deadline.left == 2
    deadline.count(3, 10)
    assert deadline.left < 0


def test_what_is_not_a_file_has_a_limit_in_all() -> None:
    """However steadily it comes."""
    short, long = Deadline(1, is_short=True), Deadline(1)
    for _ in range(100):
        short.count(0.5, 4096)
        long.count(0.5, 4096)
    assert short.left < 0 < long.left


def test_headers_refill_nothing_and_are_limited() -> None:
    """Nothing else would end headers that go on for ever."""
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


def test_time_between_reads_is_the_apps_own() -> None:
    """Only waiting counts."""
    deadline = Deadline(0.5)
    deadline.has_headers = True
    with connected(lambda other: other.sendall(b"x" * 10)) as stream, use_deadline(deadline):
        for _ in range(3):
            time.sleep(0.5)
            assert stream.read(3, 10) == b"xxx"
        assert deadline.left > 0.5


def test_a_connection_that_sends_nothing_is_given_up() -> None:
    """By the shorter of the two limits."""
    silent = threading.Event()
    with connected(waiting_for(silent)) as stream:
        for deadline, timeout in ((Deadline(30), 0.1), (Deadline(0.1), 30.0)):
            began = time.monotonic()
            with use_deadline(deadline), pytest.raises(httpcore2.ReadTimeout):
                stream.read(1, timeout)
            assert time.monotonic() - began < 10
        silent.set()


def test_a_read_that_nobody_wants_ends_soon() -> None:
    """Whatever its limits."""
    abandoned, silent = threading.Event(), threading.Event()
    with connected(waiting_for(silent)) as stream, use_deadline(Deadline(60, abandoned)):
        threading.Timer(0.2, abandoned.set).start()
        began = time.monotonic()
        with pytest.raises(Abandoned):
            stream.read(1, 60)
        assert time.monotonic() - began < 10
        silent.set()


def test_who_takes_nothing_is_sent_no_more() -> None:
    """An upload has a deadline too."""
    full = threading.Event()
    with connected(waiting_for(full)) as stream, use_deadline(Deadline(0.2)):
        with pytest.raises(httpcore2.WriteTimeout):
            stream.write(bytes(1 << 26), 30)
        full.set()
