"""How many connections this process takes at once: as many as it may have open files, and no more."""

import resource

import structlog

BACKLOG = 4096  # connections that the system holds until they are taken; more than net.core.somaxconn it does not hold
MAX_CONNECTIONS = 20_000
OTHER_FILES = 256  # the database's, logs, the program's own
FILES_PER_CONNECTION = 2  # its own, and the blob that is sent over it
FEW = 4000  # with fewer, one app that asks for all its files at once can keep others from connecting

log = structlog.get_logger()


def allow_connections() -> int:
    """Raise the limit of open files as far as the system lets this process; return how many connections to take.

    A server that has no file left for a connection would try again and again to take it.
    """
    wanted = MAX_CONNECTIONS * FILES_PER_CONNECTION + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    files = wanted if soft == resource.RLIM_INFINITY else soft
    connections = connections_for(files)
    if connections < FEW:
        log.warning(
            "few connections can be open at once; raise the limit of open files", files=files, connections=connections
        )
    return connections


def connections_for(files: int) -> int:
    """Return how many connections a process takes that may have so many files open."""
    return min(MAX_CONNECTIONS, max(1, (files - OTHER_FILES) // FILES_PER_CONNECTION))
