"""Bodies of responses that are kept in memory: decompressed and counted as they arrive, and limited in size."""

from collections.abc import Mapping
from contextlib import suppress

from privateshare.errors import FileIntegrityError, InvalidAnswer, NetworkError
from privateshare.sdk.http.decompression import decompressor

MAX_RESPONSE_BYTES = 16 * 1024 * 1024
MAX_LIST_BYTES = 128 * 1024 * 1024
"""A file list of this size has several hundred thousand entries."""
MAX_REPORT_BYTES = 512 * 1024 * 1024
MAX_ERROR_BYTES = 1024 * 1024
ACCEPTED_ENCODING = "gzip"
FIRST_UNSUCCESSFUL_STATUS = 300
_ENCODINGS = {"": "none", "identity": "none", "gzip": "gzip", "x-gzip": "gzip"}


class ResponseBody:
    """The body of a successful response. Its limit counts the bytes after decompression.

    The methods raise InvalidAnswer if the body is larger than the limit or has an encoding that was not requested,
    and NetworkError if it cannot be decompressed.
    """

    wants_more = True

    def __init__(self, headers: Mapping[str, str], limit: int) -> None:
        encoding = headers.get("content-encoding", "").strip().lower()
        if encoding not in _ENCODINGS:  # This rejects nested encodings too.
            raise InvalidAnswer(f"The response is encoded as {encoding!r:.60}, which the SDK did not request")
        self._limit = limit
        self._plain = bytearray()
        self._decompressor = decompressor(_ENCODINGS[encoding], self._take)

    def write(self, data: bytes) -> None:
        """Take the next bytes as they arrived."""
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
            raise InvalidAnswer(f"The response is larger than {self._limit // 1024} KB")
        self._plain += data


class ErrorBody:
    """The body of an error response. If it is too large or cannot be decoded, it counts as empty.

    The status alone is enough to build an error, so a bad body must not hide it.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._body: ResponseBody | None = None
        with suppress(InvalidAnswer):
            self._body = ResponseBody(headers, MAX_ERROR_BYTES)

    @property
    def wants_more(self) -> bool:
        """Whether more bytes are of use."""
        return self._body is not None

    def write(self, data: bytes) -> None:
        """Take the next bytes as they arrived."""
        try:
            if self._body is not None:
                self._body.write(data)
        except (InvalidAnswer, NetworkError):
            self._body = None

    def finish(self) -> bytes:
        """Return the body, which is empty if it could not be read."""
        try:
            return self._body.finish() if self._body is not None else b""
        except NetworkError:
            return b""


def body_of(status: int, headers: Mapping[str, str], limit: int) -> ResponseBody | ErrorBody:
    """Return the object that takes the body of a response. Raise InvalidAnswer for an unknown encoding."""
    return ResponseBody(headers, limit) if status < FIRST_UNSUCCESSFUL_STATUS else ErrorBody(headers)


def check_not_encoded(headers: Mapping[str, str]) -> None:
    """Raise InvalidAnswer if a file was encoded on its way. Its size and hash are those of the file itself."""
    encoding = headers.get("content-encoding", "").strip().lower()
    if _ENCODINGS.get(encoding) != "none":
        raise InvalidAnswer(f"The file arrived encoded as {encoding!r:.60}, which the SDK did not request")


def _damaged() -> NetworkError:
    return NetworkError("The response cannot be decompressed: it was changed or cut on its way")
