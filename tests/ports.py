"""Ports of this machine for servers that are told theirs, and so start a moment after it was chosen."""

import socket
from contextlib import suppress
from secrets import choice

# Systems give higher ones to whoever connects, or lets the system choose: tests beside this one do so all the time.
CHOSEN_BY_NO_SYSTEM = range(20_000, 32_000)


def free_port() -> int:
    """Return a port that nothing listens on, and that no connection is likely to take before a server does."""
    while True:
        port = choice(CHOSEN_BY_NO_SYSTEM)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
