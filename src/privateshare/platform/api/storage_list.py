"""The list of a storage's folder: one JSON response of any length, sent while it is read. Protocol 11.3."""

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
    """The list of a folder, as a contract sees it.

    It is read page by page, each in its own transaction, so that a slow client does not keep one open. A file that is
    added or deleted meanwhile may be listed or not. All others are listed once.
    """

    platform: Platform
    storage: StorageRow
    contract_id: str
    folder: StoragePath
    recursive: bool

    async def first_page(self, db: AsyncSession) -> Sequence[ListedFile]:
        """Read the first page of files. Raises NotFound if storage or contract ended meanwhile."""
        return await self._page(db, "")

    async def response(self, first: Sequence[ListedFile]) -> Response:
        """Make the response from the first page: as a stream if there are more. No transaction may be open."""
        if len(first) == FILES_PER_PAGE:
            await current_request().stream()
            return StreamingResponse(self._pieces(first), media_type=JSON)
        return Response(b"".join([piece async for piece in self._pieces(first)]), media_type=JSON)

    async def _pieces(self, page: Sequence[ListedFile]) -> AsyncIterator[bytes]:
        total = 0
        yield b'{"files":['
        while page:
            entries = orjson.dumps([self._entry(file) for file in page])
            yield (b"," if total else b"") + entries[1:-1]
            total += len(page)
            page = await self._next_page(page[-1].key) if len(page) == FILES_PER_PAGE else ()
        yield b'],"total":%d}' % total

    async def _next_page(self, after: str) -> Sequence[ListedFile]:
        """Read the next page. Raises NotFound, which aborts the response, if storage or contract ended meanwhile."""
        async with self.platform.database.transaction() as db:
            return await self._page(db, after)

    async def _page(self, db: AsyncSession, after: str) -> Sequence[ListedFile]:
        page = await list_page(db, self.storage.id, self.folder, after, recursive=self.recursive)
        # This follows the page: if the storage were deleted between the two, the page would look like the last one.
        if not await StorageIsOpen(self.storage.id, self.contract_id)(db):
            raise NotFound("There is no storage with this id")
        return page

    def _entry(self, file: ListedFile) -> dict[str, str | int]:
        """Describe a file for clients, which address it by `path` followed by `name`. Protocol 11.3."""
        application = f"/apps/{self.storage.application_id}"
        folder, name = file.key.rsplit("/", 1)
        original_folder, original_name = file.path.rsplit("/", 1)
        return {
            "id": str(file.id),
            "name": name,
            "originalName": original_name,
            "originalPath": f"{application}{original_folder}/",
            "path": f"{application.lower()}{folder}/",
            "size": file.size,
            "updatedDate": int(file.created_at.timestamp() * 1000),
        }
