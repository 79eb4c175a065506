"""Files that a person uploads in parts, so that an upload continues after the connection broke.

    PUT {page}/{file}/{number}   one part of PART_BYTES, the last one smaller; the same part again replaces it
    GET {page}/{file}            {"parts": how many there are without a gap, "part_bytes": PART_BYTES}

The browser chooses a random id for the file, and names it in the form of the page once all parts are there. Parts are
in the blob store, so that any process of the platform continues an upload. No row refers to them: the sweep deletes
them a day after they came. They are encrypted with a key that only the browser of a journey, or the library, yields.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, count
from pathlib import Path
from uuid import UUID, uuid4

from privateshare.errors import InvalidRequest, NotFound, RequestTooLarge
from privateshare.platform.blobs.sealed import put_sealed, read_sealed
from privateshare.platform.blobs.temporary import SealedTemporary
from privateshare.platform.keys.wrapping import DataKey
from privateshare.platform.runtime import Platform

PART_BYTES = 8 * 1024 * 1024
LIFETIME = timedelta(days=1)
MAX_FILES = 20
PREFIX = "dropped/"
PREVIEWED_PREFIX = "previewed/"  # Exports that were read, and wait for the decision of the person.
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
KEYS_PER_BATCH = 1000

_FILE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class DroppedFiles:
    """The files of one journey or library. All methods block, except those that are async.

    Attributes:
        platform: Where they are stored.
        owner: The id of the journey or library.
        key: What they are encrypted with.
    """

    platform: Platform
    owner: UUID
    key: DataKey = field(repr=False)

    async def put_part(self, file_id: str, number: int, data: bytes) -> None:
        """Store one part.

        Raises:
            InvalidRequest: The id or the size is invalid.
            RequestTooLarge: There are more files or parts than may be uploaded.
        """
        await asyncio.to_thread(self._put_part, _checked(file_id), number, data)

    async def parts(self, file_id: str) -> int:
        """Count the parts of a file that are there, up to the first that is missing. Raises InvalidRequest."""
        return await asyncio.to_thread(self._parts, _checked(file_id))

    async def open(self, file_id: str, parts: int, folder: Path) -> SealedTemporary:
        """Return a file as a temporary one, which the caller closes.

        Raises:
            NotFound: Not all of its parts are there.
        """
        return await asyncio.to_thread(self._open, _checked(file_id), parts, folder)

    async def keep(self, file: SealedTemporary) -> tuple[str, int]:
        """Store a file that came as a whole, until the person answered a question. Return its id and its parts."""
        return await asyncio.to_thread(self._keep, file)

    async def delete(self, file_ids: Iterable[str]) -> None:
        """Delete some files."""
        for file_id in file_ids:
            prefix = f"{PREFIX}{self.owner}/{_checked(file_id)}/"
            await asyncio.to_thread(self.platform.blobs.delete_prefix, prefix)

    def _put_part(self, file_id: str, number: int, data: bytes) -> None:
        most = -(-self.platform.settings.max_upload_bytes // PART_BYTES)
        # An empty file is its first part, so that the person is told that it is empty. No other part is empty.
        if not 0 <= number < most or len(data) > PART_BYTES or (number and not data):
            raise RequestTooLarge(f"A file has at most {most} parts of at most {PART_BYTES} bytes")
        blob = self._blob(file_id, number)
        self._check_room(blob, most)
        put_sealed(self.platform.blobs, blob, self.key.value, blob.encode(), [data])
        try:
            self._check_room(blob, most)  # Others may have been stored at the same time.
        except RequestTooLarge:
            self.platform.blobs.delete([blob])
            raise

    def _check_room(self, blob: str, most: int) -> None:
        others = set(self.platform.blobs.keys(f"{PREFIX}{self.owner}/")) - {blob}
        files = {key.split("/")[2] for key in others | {blob}}
        if len(others) >= most or len(files) > MAX_FILES:
            raise RequestTooLarge(f"At most {MAX_FILES} files with {most} parts together can be uploaded")

    def _parts(self, file_id: str) -> int:
        found = set(self.platform.blobs.keys(f"{PREFIX}{self.owner}/{file_id}/"))
        return next(number for number in count() if self._blob(file_id, number) not in found)

    def _open(self, file_id: str, parts: int, folder: Path) -> SealedTemporary:
        if parts < 1 or self._parts(file_id) != parts:
            raise NotFound("Not all parts of this file are there")
        file = SealedTemporary(folder)
        try:
            for number in range(parts):
                blob = self._blob(file_id, number)
                for piece in read_sealed(self.platform.blobs, blob, self.key.value, blob.encode()):
                    file.write(piece)
        except BaseException:  # A cancellation must not leave the file open either.
            file.close()
            raise
        return file

    def _keep(self, file: SealedTemporary) -> tuple[str, int]:
        file_id, number = uuid4().hex, 0
        file.seek(0)
        for number, data in enumerate(_pieces(file), start=1):
            self._put_part(file_id, number - 1, data)
        return file_id, number

    def _blob(self, file_id: str, number: int) -> str:
        return f"{PREFIX}{self.owner}/{file_id}/{number:05}"


def _pieces(file: SealedTemporary) -> Iterator[bytes]:
    while True:
        piece = bytearray()
        while len(piece) < PART_BYTES and (some := file.read(PART_BYTES - len(piece))):
            piece += some
        if not piece:
            return
        yield bytes(piece)


def _checked(file_id: str) -> str:
    if not _FILE_ID.fullmatch(file_id):
        raise InvalidRequest("The id of a file must be 32 hexadecimal digits")
    return file_id


def delete_old_parts(platform: Platform, now: datetime) -> int:
    """Delete the parts, and the exports without a decision, of more than a day ago. Return their number. Blocks."""
    deleted, batch = 0, list[str]()
    old = (platform.blobs.keys_between(prefix, BEGINNING, now - LIFETIME) for prefix in (PREFIX, PREVIEWED_PREFIX))
    for key in chain.from_iterable(old):
        batch.append(key)
        if len(batch) == KEYS_PER_BATCH:
            platform.blobs.delete(batch)
            deleted, batch = deleted + len(batch), []
    platform.blobs.delete(batch)
    return deleted + len(batch)
