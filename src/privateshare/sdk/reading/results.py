"""The result of reading many files, and the errors of a reading that is incomplete."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from privateshare.errors import PrivateShareError
from privateshare.protocol.messages import FileEntry, Status

NAMED_FILES = 3
"""How many failed files the message of an error names."""


@dataclass(frozen=True, slots=True)
class FileError:
    """A file that could not be read, and the error that prevented it."""

    name: str
    error: PrivateShareError


@dataclass(frozen=True, slots=True)
class ReadResult:
    """The result of reading all files of a session.

    `status` is the last status of the session. `files` files with `size` bytes together were read, and `skipped` files
    were in the folder already. `errors` are the files that could not be read, `file_list` is the last file list, and
    `stopped` tells whether the reading was ended before the session.

    For a reading into a folder, `folder` is its path, and `gone` are the names of the files in it that the platform no
    longer has, because they were deleted there or are no longer shared: see `prune`. Only a session that is not limited
    by a scope, and that this client began, tells what is gone.
    """

    status: Status
    files: int
    skipped: int
    size: int
    errors: list[FileError]
    file_list: list[FileEntry] = field(repr=False)
    stopped: bool = False
    gone: list[str] = field(default_factory=list)
    folder: Path | None = None


class ReadIncomplete(PrivateShareError):
    """Not all files of a session were read. `result` tells which were read and which failed."""

    code: str = "ReadIncomplete"
    hint: str = "Look at the error's result, and read again"

    def __init__(self, message: str, result: ReadResult) -> None:
        super().__init__(message)
        self.result: ReadResult = result

    def __reduce__(self) -> tuple[type[Self], tuple[str, ReadResult], dict[str, object]]:
        """Keep the result when the error is sent to another process."""
        return type(self), (self.message, self.result), vars(self)


class FilesNotRead(ReadIncomplete):
    """The loop over a reading has ended, and some files could not be read. All others were returned."""

    code: str = "FilesNotRead"
    hint: str = "See result.errors. Read again, or give on_file_error if your app handles files that fail"


class ReadTimeout(ReadIncomplete, TimeoutError):
    """The timeout of a reading has passed."""

    code: str = "ReadTimeout"
    hint: str = "Read again with a longer timeout. Files that are in a folder already are not fetched again"


class SessionNeverStarted(ReadIncomplete):
    """The session will never have files: the person declined, or did not consent in time.

    Its cause (`__cause__`) is `ConsentDeclined` or another AuthorizationFailed, if the platform says why.
    """

    code: str = "SessionNeverStarted"
    hint: str = "Send the person to a new link if they want to, and read the session that comes with it"


def files_not_read(result: ReadResult) -> FilesNotRead:
    """Build the error of a reading with files that could not be read."""
    failed = "; ".join(f"{failed.name}: {failed.error.message}" for failed in result.errors[:NAMED_FILES])
    more = f"; and {len(result.errors) - NAMED_FILES} more" if len(result.errors) > NAMED_FILES else ""
    total = len(result.errors) + result.files + result.skipped
    error = FilesNotRead(f"{len(result.errors)} of {total} files could not be read: {failed}{more}", result)
    error.__cause__ = result.errors[0].error
    return error
