"""Launcher of PostgreSQL's programs, run as `python launch.py PARENT UID GID INSTALL FOLDER PROGRAM ARGUMENT…`.

The process replaces itself with the program (exec), which is therefore a direct child of PARENT and ends with it.

PostgreSQL refuses to run as root. When started by root, the launcher switches to UID and GID. That user may not be able
to enter the folders above INSTALL and FOLDER (such as /root), so both are mounted below /mnt in a private mount
namespace. Where the system allows no namespace, as in most containers, the process keeps the capability to enter every
folder instead. `{install}` and `{folder}` in PROGRAM and ARGUMENT are replaced by the paths that the program can use.

This module imports nothing else of the platform, so that it starts fast.
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


def launch(arguments: list[str]) -> None:
    """Replace this process with the program, or exit with a message. Never returns."""
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
        os.execv(program[0], program)  # noqa: S606 - The program is from the wheel, and its arguments are ours.
    except OSError as error:
        sys.exit(
            f"cannot run {program[0]} as user {os.geteuid()}: {error.strerror}; start privateshare as an ordinary user"
        )


def _private_view(places: Mapping[str, str]) -> dict[str, str] | None:
    """Mount the folders in a private mount namespace. Return their new paths, or None where that is not allowed."""
    if not LINUX or not os.path.isdir(VIEW):
        return None
    if libc.unshare(CLONE_NEWNS) != 0 or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        return None
    # The folders are opened in the new namespace, before the mount on /mnt can hide one of them.
    handles = {name: os.open(path, os.O_RDONLY | os.O_DIRECTORY) for name, path in places.items()}
    if libc.mount(b"tmpfs", VIEW.encode(), b"tmpfs", 0, b"mode=0755") != 0:
        return None
    for name, handle in handles.items():
        os.mkdir(f"{VIEW}/{name}")
        source, target = f"/proc/self/fd/{handle}".encode(), f"{VIEW}/{name}".encode()
        if libc.mount(source, target, None, MS_BIND | MS_REC, None) != 0:
            raise OSError(ctypes.get_errno(), f"cannot mount {places[name]} for PostgreSQL")
    os.chdir("/")
    return {name: f"{VIEW}/{name}" for name in places}


def _give_up_root(uid: int, gid: int, *, enter_all: bool) -> None:
    """Switch to a user without privileges; with `enter_all`, keep the capability to enter and read every folder."""
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
    """Have the kernel stop this process when its parent dies for any reason. Linux only."""
    if LINUX:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the process that started PostgreSQL has ended")


if __name__ == "__main__":
    launch(sys.argv[1:])
