"""Starting the processes that read archives, by forking them from a process that has imported what they need. ADR 73.

That process (`sources/reader_server.py`) is started with the first reader, and anew if it was killed.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, TypeAlias

from privateshare.sources.reader_server import NO_PACKAGE

COMMAND = (sys.executable, "-I", "-B", "-m", "privateshare.sources.reader_server")
# Python may need these variables to start. The readers get no others, which could hold secrets.
ENVIRONMENT_VARIABLES = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
FORK_TIMEOUT_SECONDS = 60  # The first reader of a source waits until it is imported, and the machine may be busy.
EXIT_TIMEOUT_SECONDS = 5
MAX_EXIT_CODE_BYTES = 16


class ForkedReader:
    """A process that reads one archive, with its pipes. It is used like a `subprocess.Popen`."""

    def __init__(self, stdin: int, stdout: int, lifeline: socket.socket) -> None:
        self.stdin: IO[bytes] | None = os.fdopen(stdin, "wb")
        self.stdout: IO[bytes] | None = os.fdopen(stdout, "rb")
        self._lifeline = lifeline
        self._code: int | None = None

    def kill(self) -> None:
        """Kill the process, if it has not ended. May be called from any thread."""
        with suppress(OSError):
            self._lifeline.shutdown(socket.SHUT_WR)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end of the process, and return its exit code as Popen does. Raises subprocess.TimeoutExpired."""
        if self._code is None:
            self._lifeline.settimeout(timeout)
            try:
                told = self._lifeline.recv(MAX_EXIT_CODE_BYTES)
            except (TimeoutError, BlockingIOError) as error:
                raise subprocess.TimeoutExpired(COMMAND, timeout or 0) from error
            except OSError:
                told = b""
            # If the process that it was forked from was killed, nobody knows how it ended.
            self._code = int(told) if told else -signal.SIGKILL
            self._lifeline.close()
        return self._code


ReaderProcess: TypeAlias = "subprocess.Popen[bytes] | ForkedReader"


class ReaderForks:
    """Forks readers. It must be closed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: _Server | None = None
        self._is_closed = False

    def start(self, package: str | None) -> ForkedReader:
        """Start a reader for the source of a package. Blocks, may be called from any thread. Raises OSError."""
        with self._lock:
            if self._is_closed:
                raise OSError("the platform is being closed")
            if self._server is not None:
                try:
                    return self._server.fork(package)
                except ConnectionError:  # The process was killed.
                    self._server.close()
                    self._server = None
            self._server = _Server()
            return self._server.fork(package)

    def close(self) -> None:
        """End all readers, and the process that they are forked from."""
        with self._lock:
            self._is_closed = True
            if self._server is not None:
                self._server.close()
                self._server = None


class _Server:
    """The process that readers are forked from."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair()
        self._control.settimeout(FORK_TIMEOUT_SECONDS)
        with theirs:
            try:
                self._process = start_process(COMMAND, theirs.fileno())
            except OSError:
                self._control.close()
                raise

    def fork(self, package: str | None) -> ForkedReader:
        """Fork a reader. Raises OSError; it is a ConnectionError if this process has ended."""
        from_us, to_reader = os.pipe()
        from_reader, to_us = os.pipe()
        lifeline, theirs = socket.socketpair()
        try:
            self._request(package or NO_PACKAGE, from_us, to_us, theirs.fileno())
        except BaseException:  # An interruption must not leave the ends of the pipes open either.
            os.close(to_reader)
            os.close(from_reader)
            lifeline.close()
            raise
        finally:
            os.close(from_us)
            os.close(to_us)
            theirs.close()
        return ForkedReader(to_reader, from_reader, lifeline)

    def _request(self, package: str, *descriptors: int) -> None:
        socket.send_fds(self._control, [package.encode()], descriptors)
        try:
            answer = self._control.recv(1)
        except TimeoutError as error:
            self._process.kill()  # A late answer would be taken for that of the next request.
            raise ConnectionError("the process that readers are forked from does not answer") from error
        if not answer:
            raise ConnectionError("the process that readers are forked from has ended")
        if answer[0]:
            raise OSError(answer[0], os.strerror(answer[0]))

    def close(self) -> None:
        """End the process, and all readers with it."""
        self._control.close()
        try:
            self._process.wait(EXIT_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def start_process(command: tuple[str, ...], control: int | None = None) -> "subprocess.Popen[bytes]":
    """Start a process with the smallest environment, and no files but two pipes. Raises OSError.

    With a socket that controls it, the process has this as its standard input, and no pipes.
    """
    environment = {name: os.environ[name] for name in ENVIRONMENT_VARIABLES if name in os.environ}
    return subprocess.Popen(  # noqa: S603 - The command is constant and has no input of users.
        command,
        stdin=subprocess.PIPE if control is None else control,
        stdout=subprocess.PIPE if control is None else subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
        cwd=os.path.abspath(os.sep),
    )
