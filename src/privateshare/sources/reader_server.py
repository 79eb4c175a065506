"""The process that forks the readers of archives: `python -m privateshare.sources.reader_server`.

Python needs far longer to start and to import a source than most archives take to be read. So this process does both
once, and each reader (`archive_reader.py`) is a fork of it. It has no key, no environment variable of the platform and
no content of any archive, so neither has a reader when it begins: a process that has read an archive reads no other.

Its standard input is a socket to the platform's process, which a reader's own input replaces. A request is the package
of a source, or `-`, with three descriptors: the two pipes of the reader, and its *lifeline*, a socket. The answer is
one byte: 0, or why it cannot be forked (errno). When the platform closes its end of the lifeline for writing, the
reader is killed. When the reader has ended, its exit code is sent there. All readers end with the platform.
"""

import encodings.cp437  # noqa: F401 - zipfile imports it when it reads a name.
import gc
import os
import resource
import selectors
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

from privateshare.sources import archive_reader

MAX_REQUEST_BYTES = 4096
NO_PACKAGE = "-"
DESCRIPTORS_OF_REQUEST = 3
MAX_DESCRIPTORS = 1024  # Closing as many as some systems allow would take minutes.


class ReaderServer:
    """Forks readers, kills them, and tells how they ended."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._lifelines: dict[int, socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        # Both ends are kept open: a socket whose other end is closed is always readable.
        self._woken, self._wake = socket.socketpair()
        self._woken.setblocking(False)
        self._wake.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # The byte that it writes ends `select`.
        self._selector.register(control, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)

    def run(self) -> None:
        """Answer requests until the platform's process has ended, and then end all readers."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._control:
                    if not self._answer():
                        return self._kill_all()
                elif key.fileobj is self._woken:
                    with suppress(BlockingIOError):
                        self._woken.recv(MAX_REQUEST_BYTES)
                else:
                    self._selector.unregister(key.fileobj)
                    os.kill(key.data, signal.SIGKILL)  # It is not reaped yet, so no other process has its number.
            self._reap()

    def _answer(self) -> bool:
        """Answer a request. Return whether there was one."""
        try:
            request, descriptors, _, _ = socket.recv_fds(self._control, MAX_REQUEST_BYTES, DESCRIPTORS_OF_REQUEST)
        except OSError:
            return False
        if not request:
            return False
        if (package := request.decode()) != NO_PACKAGE:
            self._import(package)
        try:
            self._fork(descriptors)
            answer = 0
        except OSError as error:  # The system may be out of processes or memory.
            answer = error.errno or 1
            os.close(descriptors[2])
        os.close(descriptors[0])
        os.close(descriptors[1])
        with suppress(OSError):
            self._control.send(bytes([answer]))
        return True

    def _import(self, package: str) -> None:
        """Import a source, which this and later readers then have."""
        with suppress(Exception):  # The reader meets the same error, and reports it.
            import_module(f"{package}.source")
            gc.freeze()  # Readers share this memory until something writes to it.

    def _fork(self, descriptors: Sequence[int]) -> None:
        pid = os.fork()
        if pid == 0:
            _become_reader(descriptors[0], descriptors[1])
        lifeline = socket.socket(fileno=descriptors[2])
        self._lifelines[pid] = lifeline
        self._selector.register(lifeline, selectors.EVENT_READ, pid)

    def _reap(self) -> None:
        """Tell the exit codes of readers that have ended."""
        while self._lifelines:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self._lifelines.pop(pid) as lifeline:
                with suppress(KeyError):
                    self._selector.unregister(lifeline)
                with suppress(OSError):
                    lifeline.send(b"%d" % os.waitstatus_to_exitcode(status))

    def _kill_all(self) -> None:
        for pid in self._lifelines:
            os.kill(pid, signal.SIGKILL)


def _become_reader(source: int, sink: int) -> None:
    """Read one archive in this process, which was just forked, and end it."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(source, 0)
        os.dup2(sink, 1)
        os.closerange(3, MAX_DESCRIPTORS)  # Those of other readers too.
        archive_reader.main()
        code = 0
    except SystemExit:
        code = 0
    finally:
        os._exit(code)  # Cleaning up is left to the process that this one was forked from.


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal. The platform ends this.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(MAX_DESCRIPTORS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    gc.freeze()
    ReaderServer(socket.socket(fileno=sys.stdin.fileno())).run()
