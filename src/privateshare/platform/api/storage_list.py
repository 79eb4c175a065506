"""The list of a storage's folder: one JSON answer of any length, written while it is read. Protocol 11.3."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response, StreamingResponse

from privateshare.errors import NotFound
from privateshare.platform.db.tables import StorageRow
from privateshare.platform.http.streaming import StorageIsOpen
from privateshare.platform.library.storages import FILES_PER_PAGE, ListedFile, list_page
from privateshare.platform.operating.admission import current_request
from privateshare.platform.runtime import Platform
from privateshare.protocol.storage_paths import StoragePath

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class FolderList:
    """What a contract sees of a folder.

    It is read page by page, each in a transaction of its own, so that a slow reader holds none. A file that comes or
    goes meanwhile may be in the list or not; all others are in it once.
    """

    platform: Platform
    storage: StorageRow
    contract_id: str
    folder: StoragePath
    recursive: bool

    async def first_page(self, db: AsyncSession) -> Sequence[ListedFile]:
        """Return the first files."""
        return await self._page(db, "")

    async def answer(self, first: Sequence[ListedFile]) -> Response:
        """The list, after its first page: whole if that is all, else as a stream. No transaction may be open."""
        if len(first) == FILES_PER_PAGE:
            await current_request().stream()
            return StreamingResponse(self._pieces(first), media_type=JSON)
        return Response(b"".join([piece async for piece in self._pieces(first)]), media_type=JSON)

    async def _pieces(self, page: Sequence[ListedFile]) -> AsyncIterator[bytes]:
        total = 0
        yield b'{"files":['
        while page:
            told = orjson.dumps([self._told(file) for file in page])
            yield (b"," if total else b"") + told[1:-1]
            total += len(page)
            page = await self._next_page(page[-1].key) if len(page) == FILES_PER_PAGE else ()
        yield b'],"total":%d}' % total

    async def _next_page(self, after: str) -> Sequence[ListedFile]:
        """Raises NotFound, which breaks the answer off, if storage or contract ended meanwhile."""
        async with self.platform.database.transaction() as db:
            if not await StorageIsOpen(self.storage.id, self.contract_id)(db):
                raise NotFound("There is no such storage")
            return await self._page(db, after)

    async def _page(self, db: AsyncSession, after: str) -> Sequence[ListedFile]:
        return await list_page(db, self.storage.id, self.folder, after, recursive=self.recursive)

    def _told(self, file: ListedFile) -> dict[str, str]:
        """Describe a file as clients address it: by its `path` with its `name` behind it. Protocol 11.3."""
        application = f"/apps/{self.storage.application_id}"
        folder, name = file.key.rsplit("/", 1)
        original_folder, original_name = file.path.rsplit("/", 1)
        return {
            "id": str(file.id),
            "name": name,
            "originalName": original_name,
            "originalPath": f"{application}{original_folder}/",
            "path": f"{application.lower()}{folder}/",
        }
