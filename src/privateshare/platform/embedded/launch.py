"""Becomes a program of PostgreSQL: run as `python launch.py PARENT UID GID INSTALL FOLDER PROGRAM ARGUMENT…`.

It replaces itself, so that the program is a direct child of PARENT, and ends with it. PostgreSQL refuses to run as
root. So when started by root it gives up root for UID and GID; and since that user may not enter the folders that lead
to INSTALL and FOLDER (think of /root), it sees the two below /mnt in a mount namespace of its own. Where the system
allows no namespace, as in most containers, it keeps the right to enter every folder instead.
`{install}` and `{folder}` in PROGRAM and the arguments stand for wherever the two are.

It imports nothing of ours: it must start fast, and run before anything else is decided.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Mapping

VIEW = "/mnt"
CLONE_NEWNS = 0x00020000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522

LINUX = sys.platform.startswith("linux")
libc = ctypes.CDLL(None, use_errno=True)


def main(arguments: list[str]) -> None:
    """Never returns: the process becomes the program, or ends with a line that says why not."""
    parent, uid, gid = (int(argument) for argument in arguments[:3])
    places = {"install": arguments[3], "folder": arguments[4]}
    if os.geteuid() == 0:
        view = _private_view(places)
        _give_up_root(uid, gid, enter_all=view is None)
        places = view or places
    os.umask(0o077)
    _end_with_parent(parent)
    program = [argument.format_map(places) for argument in arguments[5:]]
    try:
        os.execv(program[0], program)  # noqa: S606 - a program of the wheel, with arguments of our own
    except OSError as error:
        sys.exit(f"cannot run {program[0]} as user {os.geteuid()}: {error.strerror}; try an ordinary user")


def _private_view(places: Mapping[str, str]) -> dict[str, str] | None:
    """The folders as seen from a mount namespace that only this process is in; None where that is not allowed."""
    if not LINUX or not os.path.isdir(VIEW):
        return None
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


def _give_up_root(uid: int, gid: int, *, enter_all: bool) -> None:
    """Becomes that user, with no right of root left, or with one: to enter and read whatever folder."""
    keep = enter_all and LINUX and libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if keep:
        bit = 1 << CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        effective_permitted_inheritable = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
        if libc.capset(header, effective_permitted_inheritable) == 0:
            libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def _end_with_parent(parent: int) -> None:
    """Has the kernel stop this process when its parent dies, however it dies. Linux only."""
    if LINUX:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("whoever started PostgreSQL is gone")


if __name__ == "__main__":
    main(sys.argv[1:])
