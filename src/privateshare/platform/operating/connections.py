"""The number of connections that this process accepts at once, limited by the number of files that it may open."""

import resource

import structlog

BACKLOG = 4096  # The system limits this number of connections that wait to be accepted to net.core.somaxconn.
MAX_CONNECTIONS = 20_000
OTHER_FILES = 256  # This covers connections to the database, logs, and the files of the program.
FILES_PER_CONNECTION = 2  # A connection takes one, and the blob that is sent over it another.
WARN_BELOW_CONNECTIONS = 4000  # With fewer, one app that reads all its files at once can keep others from connecting.

log = structlog.get_logger()


def allow_connections() -> int:
    """Raise the limit of open files as far as the system allows. Return the number of connections to accept.

    A server without a free file descriptor would try to accept a waiting connection again and again.
    """
    wanted = MAX_CONNECTIONS * FILES_PER_CONNECTION + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    files = wanted if soft == resource.RLIM_INFINITY else soft
    connections = connections_for(files)
    if connections < WARN_BELOW_CONNECTIONS:
        log.warning(
            "the limit of open files allows only few connections; raise it (ulimit -n)",
            files=files,
            connections=connections,
        )
    return connections


def connections_for(files: int) -> int:
    """Return the number of connections for a limit of open files."""
    return min(MAX_CONNECTIONS, max(1, (files - OTHER_FILES) // FILES_PER_CONNECTION))
