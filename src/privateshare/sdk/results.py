"""How reading many files ended, and the errors that say that it ended too early."""

from dataclasses import dataclass, field
from typing import Self

from privateshare.errors import PrivateShareError
from privateshare.protocol.messages import FileEntry, Status

NAMED_FILES = 3  # that failed, in the message of the error


@dataclass(frozen=True, slots=True)
class FileError:
    """A file that could not be read, and why."""

    name: str
    error: PrivateShareError


@dataclass(frozen=True, slots=True)
class ReadResult:
    """How reading all files ended: the session's last status, how many were read or already there, what failed."""

    status: Status
    files: int
    skipped: int
    size: int
    errors: list[FileError]
    file_list: list[FileEntry] = field(repr=False)
    stopped: bool = False


class ReadIncomplete(PrivateShareError):
    """Not all files of a session were read. `result` says what was, and what failed."""

    code: str = "ReadIncomplete"
    hint: str = "Look at the error's result, and read again"

    def __init__(self, message: str, result: ReadResult) -> None:
        super().__init__(message)
        self.result: ReadResult = result

    def __reduce__(self) -> tuple[type[Self], tuple[str, ReadResult], dict[str, object]]:
        """Make it again with its result after a journey between processes."""
        return type(self), (self.message, self.result), vars(self)


class FilesNotRead(ReadIncomplete):
    """The loop over a reading ended, and some files could not be read. The others were all given."""

    code: str = "FilesNotRead"
    hint: str = "See result.errors. Read again, or give on_file_error if your app deals with files that fail"


class ReadTimeout(ReadIncomplete, TimeoutError):
    """The time that was given for reading has passed."""

    code: str = "ReadTimeout"
    hint: str = "Read again, with more time: what is in a folder already is not fetched again"


class SessionNeverStarted(ReadIncomplete):
    """The session will never hold anything: the person declined, or did not consent in time.

    Its cause (`__cause__`) is `ConsentDeclined` or another AuthorizationFailed, if the platform says why.
    """

    code: str = "SessionNeverStarted"
    hint: str = "Send the person to a new link if they want to, and read the session that comes with it"


def files_not_read(result: ReadResult) -> FilesNotRead:
    """Build the error of a reading whose files could not all be read."""
    failed = "; ".join(f"{failed.name}: {failed.error.message}" for failed in result.errors[:NAMED_FILES])
    more = f"; and {len(result.errors) - NAMED_FILES} more" if len(result.errors) > NAMED_FILES else ""
    total = len(result.errors) + result.files + result.skipped
    error = FilesNotRead(f"{len(result.errors)} of {total} files could not be read: {failed}{more}", result)
    error.__cause__ = result.errors[0].error
    return error
