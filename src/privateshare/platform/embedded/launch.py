"""Becomes a program of PostgreSQL: run as `python launch.py UID GID INSTALL FOLDER SOCKET PROGRAM ARGUMENT…`.

It replaces itself, so that the program is a direct child of whoever started this, and ends with it. PostgreSQL
refuses to run as root. So when started by root it gives up root for UID and GID; and since that user may not be able
to reach the folders (think of /root), it sees them at /mnt in a mount namespace of its own, if the system lets it.
`{install}`, `{folder}` and `{socket}` in the arguments stand for wherever the folders are.

It imports nothing of ours: it must start fast, and run before anything else is decided.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Mapping

CLONE_NEWNS = 0x00020000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
PR_SET_PDEATHSIG = 1
VIEW = "/mnt"


def main(arguments: list[str]) -> None:
    """Never returns: the process becomes the program."""
    uid, gid = int(arguments[0]), int(arguments[1])
    parent = os.getppid()
    places = {"install": arguments[2], "folder": arguments[3], "socket": arguments[4]}
    if os.geteuid() == 0:
        places = _private_view(places) or places
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    _end_with_parent(parent)
    program = [argument.format_map(places) for argument in arguments[5:]]
    os.execv(program[0], program)


def _private_view(places: Mapping[str, str]) -> dict[str, str] | None:
    """The folders as seen from a mount namespace that only this process is in; None where that is not allowed."""
    if not sys.platform.startswith("linux") or not os.path.isdir(VIEW):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        return None
    # opened in the new namespace, and before anything may cover them
    handles = {name: os.open(path, os.O_RDONLY | os.O_DIRECTORY) for name, path in places.items()}
    if libc.mount(b"tmpfs", VIEW.encode(), b"tmpfs", 0, b"mode=0755") != 0:
        return None
    for name, handle in handles.items():
        os.mkdir(f"{VIEW}/{name}")
        source, target = f"/proc/self/fd/{handle}".encode(), f"{VIEW}/{name}".encode()
        if libc.mount(source, target, None, MS_BIND | MS_REC, None) != 0:
            raise OSError(ctypes.get_errno(), "cannot show PostgreSQL its folder")
    os.chdir("/")
    return {name: f"{VIEW}/{name}" for name in places}


def _end_with_parent(parent: int) -> None:
    """Has the kernel stop this process when its parent dies, however it dies. Linux only."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent is gone")


if __name__ == "__main__":
    main(sys.argv[1:])
