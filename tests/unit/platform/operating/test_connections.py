"""Tests of the number of connections that a process accepts, given its limit of open files."""

import resource

from privateshare.platform.operating.connections import (
    FILES_PER_CONNECTION,
    MAX_CONNECTIONS,
    OTHER_FILES,
    allow_connections,
    connections_for,
)


def test_each_connection_has_room_for_its_files() -> None:
    """With all connections open and a blob sent over each, files are left for the database and logs."""
    for files in (512, 1024, 4096, 20_000, 1_048_576):
        connections = connections_for(files)
        assert 1 <= connections <= MAX_CONNECTIONS
        assert connections * FILES_PER_CONNECTION + OTHER_FILES <= files
    assert connections_for(0) == 1
    assert connections_for(1_048_576) == MAX_CONNECTIONS


def test_the_limit_is_raised_as_far_as_the_system_lets_us() -> None:
    """The soft limit is raised to the hard limit, because many systems start processes with a low one."""
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
        connections = allow_connections()
        raised, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert raised > 1024 or hard == 1024
        assert connections == connections_for(raised)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert allow_connections() >= connections_for(soft)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
