"""Bodies of answers that are kept in memory: decompressed and counted as they arrive, and never larger than a limit."""

from collections.abc import Mapping
from contextlib import suppress

from privateshare.errors import FileIntegrityError, InvalidAnswer, NetworkError
from privateshare.sdk.decompression import decompressor

MAX_ANSWER_BYTES = 16 * 1024 * 1024  # of JSON, unless a call expects more
MAX_LIST_BYTES = 128 * 1024 * 1024  # of files: some hundred thousand
MAX_REPORT_BYTES = 512 * 1024 * 1024
MAX_ERROR_BYTES = 1024 * 1024
ACCEPTED_ENCODING = "gzip"
FIRST_REFUSAL = 300  # of the statuses; a redirect is not followed
_ENCODINGS = {"": "none", "identity": "none", "gzip": "gzip", "x-gzip": "gzip"}


class Body:
    """A body of at most `limit` bytes, which counts for what it is once it is decompressed.

    The methods raise InvalidAnswer if it is larger or encoded in a way that was not asked for, NetworkError if it does
    not decompress.
    """

    wants_more = True

    def __init__(self, headers: Mapping[str, str], limit: int) -> None:
        encoding = headers.get("content-encoding", "").strip().lower()
        if encoding not in _ENCODINGS:  # also one encoding within another
            raise InvalidAnswer(f"The answer is encoded as {encoding!r:.60}, which the SDK did not ask for")
        self._limit = limit
        self._plain = bytearray()
        self._decompressor = decompressor(_ENCODINGS[encoding], self._take)

    def write(self, data: bytes) -> None:
        """Take the next bytes, as they came."""
        try:
            self._decompressor.write(data)
        except FileIntegrityError as error:
            raise _damaged() from error

    def finish(self) -> bytes:
        """Return the whole body."""
        try:
            self._decompressor.finish()
        except FileIntegrityError as error:
            raise _damaged() from error
        return bytes(self._plain)

    def _take(self, data: bytes) -> None:
        if len(self._plain) + len(data) > self._limit:
            raise InvalidAnswer(f"The answer is larger than {self._limit // 1024} KB")
        self._plain += data


class RefusalBody:
    """The body of a refusal. Its status says enough: what is too large for it or cannot be decoded is let go."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._body: Body | None = None
        with suppress(InvalidAnswer):
            self._body = Body(headers, MAX_ERROR_BYTES)

    @property
    def wants_more(self) -> bool:
        """Whether more of it is of use."""
        return self._body is not None

    def write(self, data: bytes) -> None:
        """Take the next bytes, as they came."""
        try:
            if self._body is not None:
                self._body.write(data)
        except (InvalidAnswer, NetworkError):
            self._body = None

    def finish(self) -> bytes:
        """Return the body; nothing if it was let go."""
        try:
            return self._body.finish() if self._body is not None else b""
        except NetworkError:
            return b""


def body_of(status: int, headers: Mapping[str, str], limit: int) -> Body | RefusalBody:
    """Return what takes the body of an answer that is kept in memory. Raises InvalidAnswer for its encoding."""
    return Body(headers, limit) if status < FIRST_REFUSAL else RefusalBody(headers)


def check_not_encoded(headers: Mapping[str, str]) -> None:
    """Raise InvalidAnswer if the body of a file was encoded on the way: its size and hash are of the file as it is."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if _ENCODINGS.get(encoding) != "none":
        raise InvalidAnswer(f"The file arrived encoded as {encoding!r:.60}, which the SDK did not ask for")


def _damaged() -> NetworkError:
    return NetworkError("The answer does not decompress: it was changed or cut on the way")
