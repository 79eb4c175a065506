"""Giving up what a hostile archive could use if it took over the process that reads it.

The process has no keys, but it runs as the same user as the platform: without this module, it could read the platform's
environment and memory in /proc, connect to its database, and start programs. So Linux is asked to refuse that: Landlock
limits files, signals and the access to other processes, and a seccomp filter refuses sockets, programs and new
processes, which would go on when the reader is killed. Both are final, and each is used where the kernel offers it.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from zoneinfo import TZPATH

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # These have the same numbers on all architectures.
RULESET_VERSION_FLAG, PATH_BENEATH = 1, 1
READ_FILE, READ_FOLDER = 1 << 2, 1 << 3
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}  # How many rights each version of Landlock has.
TCP_RIGHTS, TCP_VERSION = 0b11, 4
SCOPES, SCOPES_VERSION = 0b11, 6  # Abstract UNIX sockets, and signals.
SYSTEM_FOLDERS = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", os.devnull)

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CLONE = {"x86_64": 56, "aarch64": 220}  # It starts threads, which are allowed, and processes.
# The calls that a reader of archives never needs, with their numbers on x86-64 and ARM64; -1 if there is none.
REFUSED_CALLS = {
    # Sockets, programs and processes.
    "socket": (41, 198),
    "connect": (42, 203),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, -1),
    "vfork": (58, -1),
    # Other processes of the same user, such as the platform.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "perf_event_open": (298, 241),
    "prlimit64": (302, 261),
    "setpriority": (141, 140),
    "kill": (62, 129),
    "tkill": (200, 130),
    "pidfd_send_signal": (424, 424),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # Memory and queues that processes share, as those of PostgreSQL, and keys.
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "semget": (64, 190),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "keyctl": (250, 219),
    # What Landlock leaves: who owns a file and who may read it, and mounts.
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, -1),
    "fchown": (93, 55),
    "lchown": (94, -1),
    "fchownat": (260, 54),
    "utimensat": (280, 88),
    "utime": (132, -1),
    "utimes": (235, -1),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "open_by_handle_at": (304, 265),
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
}
CLONE_THREAD = 0x10000
CLONE3 = 435  # A filter cannot see what it would start. Where it does not exist, the C library uses `clone`.
# Instructions of BPF.
LOAD, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, JUMP_IF_SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ARCHITECTURE, CALL_NUMBER, FIRST_ARGUMENT = 4, 0, 16  # Offsets in what a filter is given.
ALLOW, KILL, REFUSE, UNKNOWN = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
OTHER_NUMBERS = 0x40000000  # The calls of x32 on x86_64: the same ones by other numbers.


def confine() -> None:
    """Give up files that are not Python's or the system's, sockets, programs and other processes, for good."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        _limit_files(libc)
        _refuse_calls(libc)


def _limit_files(libc: ctypes.CDLL) -> None:
    version = libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), RULESET_VERSION_FLAG)
    if version < 1:
        return
    rights = max(number for since, number in FILE_RIGHTS.items() if since <= version)
    rules = struct.pack("=Q", (1 << rights) - 1)
    rules += struct.pack("=Q", TCP_RIGHTS) if version >= TCP_VERSION else b""
    rules += struct.pack("=Q", SCOPES) if version >= SCOPES_VERSION else b""
    ruleset = libc.syscall(CREATE_RULESET, rules, ctypes.c_size_t(len(rules)), 0)
    if ruleset < 0:
        return
    for path in _readable():
        with suppress(OSError):  # There is no such folder.
            _allow_reading(libc, ruleset, path)
    libc.syscall(RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _readable() -> Iterator[str]:
    """Yield where modules, libraries and time zones are, some of which are loaded late."""
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    folders = (*sys.path, sys.prefix, sys.base_prefix, *TZPATH, *libraries, *SYSTEM_FOLDERS)
    yield from (path for path in folders if path)


def _allow_reading(libc: ctypes.CDLL, ruleset: int, path: str) -> None:
    rights = READ_FILE | READ_FOLDER if os.path.isdir(path) else READ_FILE
    opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, struct.pack("=Qi", rights, opened), 0)
    finally:
        os.close(opened)


def _refuse_calls(libc: ctypes.CDLL) -> None:
    machine = platform.machine()
    # A Python of 32 bits on a kernel of 64, as on some Raspberry Pis, uses the calls of another architecture.
    if machine not in ARCHITECTURES or sys.maxsize < 1 << 32:
        return
    numbers = {both[[*ARCHITECTURES].index(machine)] for both in REFUSED_CALLS.values()} - {-1}
    program = b"".join(_filter(ARCHITECTURES[machine], CLONE[machine], sorted(numbers)))
    kept = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("@HP", len(program) // len(_instruction(0, 0)), ctypes.addressof(kept))
    libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, described, 0, 0)


def _filter(architecture: int, clone: int, refused: list[int]) -> Iterator[bytes]:
    """Yield the instructions that refuse some calls, and kill a process that uses calls of another architecture."""
    yield _instruction(LOAD, ARCHITECTURE)
    yield _instruction(JUMP_IF_EQUAL, architecture, 1, 0)
    yield _instruction(RETURN, KILL)
    yield _instruction(LOAD, CALL_NUMBER)
    yield _instruction(JUMP_IF_EQUAL, CLONE3, 0, 1)
    yield _instruction(RETURN, UNKNOWN)
    yield _instruction(JUMP_IF_EQUAL, clone, 0, 4)
    yield _instruction(LOAD, FIRST_ARGUMENT)
    yield _instruction(JUMP_IF_SET, CLONE_THREAD, 0, 1)
    yield _instruction(RETURN, ALLOW)
    yield _instruction(RETURN, REFUSE)
    yield _instruction(JUMP_IF_AT_LEAST, OTHER_NUMBERS, len(refused) + 1, 0)
    for place, number in enumerate(refused):
        yield _instruction(JUMP_IF_EQUAL, number, len(refused) - place, 0)
    yield _instruction(RETURN, ALLOW)
    yield _instruction(RETURN, REFUSE)


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
