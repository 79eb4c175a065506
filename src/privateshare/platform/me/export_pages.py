"""`/me/…/take`: a person takes everything with them, as a ZIP that is made in the background."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import UUID, uuid4

from fastapi import APIRouter, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.blobs.sealed import SealedReader
from privateshare.platform.consent.rendering import SAFE_HEADERS, PageRoute, redirect
from privateshare.platform.db.tables import BrowserRow, ExportRow
from privateshare.platform.http.requests import platform_of
from privateshare.platform.http.streaming import stream_response
from privateshare.platform.jobs.queue import defer_export
from privateshare.platform.library.erasure import delete_exports
from privateshare.platform.me.export_archive import export_blob
from privateshare.platform.me.visitor import MyForm, MyPage, Visitor, find_visitor
from privateshare.platform.sync.sweep import EXPORT_LIFETIME

REFRESH_SECONDS = 2
PIECE_BYTES = 256 * 1024
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")

Span: TypeAlias = tuple[int, int]

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class ExportCard:
    """An archive: `state` is "making", "ready" or "failed", `share` the part that is done, in percent."""

    state: str
    share: int
    size: str
    until: str
    address: str


@router.get("/me/{browser_id}/take")
async def show_export(visitor: MyPage) -> Response:
    """Show the archive, or how far it is. The page renews itself until the archive is ready."""
    card = await _card(visitor)
    making = card is not None and card.state == "making"
    return visitor.page("me-take.html", {"export": card, "refresh": REFRESH_SECONDS if making else 0})


async def _card(visitor: Visitor) -> ExportCard | None:
    newest = select(ExportRow).where(ExportRow.library_id == visitor.library.id).order_by(ExportRow.created_at.desc())
    row = await visitor.db.scalar(newest.limit(1))
    if row is None:
        return None
    ready = row.size is not None
    return ExportCard(
        state="failed" if row.failed else "ready" if ready else "making",
        share=100 * row.files_done // row.files_total if row.files_total else 0,
        size=visitor.words.size(row.size or 0),
        until=visitor.words.date(row.created_at + EXPORT_LIFETIME),
        address=visitor.address(f"take/{row.id}"),
    )


@router.post("/me/{browser_id}/take")
async def begin_export(form: MyForm) -> Response:
    """Begin to make an archive, in place of an earlier one."""
    visitor = form.visitor
    card = await _card(visitor)
    if card is None or card.state != "making":
        await delete_exports(visitor.db, visitor.platform, datetime.now(UTC), visitor.library.id)
        id_ = uuid4()
        blob = export_blob(visitor.library, id_)
        row = ExportRow(library_id=visitor.library.id, id=id_, blob=blob, language=visitor.words.language)
        visitor.db.add(row)
        await visitor.db.flush()
        await defer_export(visitor.db, visitor.platform.queue, visitor.library.id, id_)
    return redirect(visitor.address("take"))


# --- the download ---


@dataclass(frozen=True, slots=True)
class _IsStillTheirs:
    """A check that the browser still proves whose the archive is, and that the archive is still there."""

    library_id: UUID
    browser_id: UUID
    export_id: UUID

    async def __call__(self, db: AsyncSession) -> bool:
        browser = await db.get(BrowserRow, (self.library_id, self.browser_id))
        return browser is not None and await db.get(ExportRow, (self.library_id, self.export_id)) is not None


@router.get("/me/{browser_id}/take/{export_id}")
async def download(request: Request, browser_id: UUID, export_id: UUID) -> Response:
    """Send the archive, or the part of it that the browser still needs (RFC 9110 14)."""
    platform = platform_of(request)
    async with platform.database.transaction() as db:
        visitor = await find_visitor(request, db, browser_id)
        row = await db.get(ExportRow, (visitor.library.id, export_id))
        if row is None or row.size is None:
            raise NotFound("This archive is not there any more")
        size, library, name = row.size, visitor.library, f"privateshare-{row.created_at:%Y-%m-%d}.zip"
        blob, check = row.blob, _IsStillTheirs(library.id, browser_id, export_id)
    tag = f'"{export_id}"'
    headers = SAFE_HEADERS | {
        "accept-ranges": "bytes",
        "etag": tag,
        "content-disposition": f'attachment; filename="{name}"',
    }
    wanted = request.headers.get("range", "") if request.headers.get("if-range", tag) == tag else ""
    span = read_range(wanted, size)
    if span is None:
        return Response(status_code=416, headers=headers | {"content-range": f"bytes */{size}"})
    begin, end = span
    headers["content-length"] = str(end - begin)
    if wanted and "," not in wanted:
        headers["content-range"] = f"bytes {begin}-{end - 1}/{size}"
    pieces = _pieces(SealedReader(platform.blobs, blob, library.key.value, library.blob_context(blob)), begin, end)
    status = 206 if "content-range" in headers else 200
    return await stream_response(platform, check, pieces, status, headers=headers, media_type="application/zip")


def read_range(wanted: str, size: int) -> Span | None:
    """Return the begin and end of the bytes that a Range header asks for; all if it asks for none; None if invalid.

    Several ranges in one request are not supported, which RFC 9110 allows: then everything is sent.
    """
    if not wanted or "," in wanted:
        return 0, size
    match = RANGE.fullmatch(wanted.replace(" ", ""))
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        begin, end = max(0, size - int(last)), size
    else:
        begin, end = int(first), min(size, int(last) + 1) if last else size
    return (begin, end) if begin < end else None


def _pieces(reader: SealedReader, begin: int, end: int) -> Iterator[bytes]:
    reader.seek(begin)
    while begin < end and (piece := reader.read(min(PIECE_BYTES, end - begin))):
        begin += len(piece)
        yield piece
