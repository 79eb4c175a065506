"""`/me/…/merge`: a person moves another library of theirs into this one.

They have proved both: this browser proves the other library too, since they used it there, or signed in with its
passkey or recovery code. The form carries the tokens of both libraries, and no link, app or other site knows either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import structlog
from fastapi import APIRouter
from markupsafe import Markup
from sqlalchemy import func, select
from starlette.responses import Response

from privateshare.platform.consent.person_cookie import forget_secrets, read_secrets
from privateshare.platform.consent.person_description import library_description
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.db.tables import (
    AccountRow,
    BrowserRow,
    FileRow,
    MergeRow,
    PasskeyRow,
    PushedFileRow,
    RecoveryCodeRow,
)
from privateshare.platform.jobs.queue import defer_merge
from privateshare.platform.library.erasure import lock_for_erasure
from privateshare.platform.library.libraries import OpenLibrary, open_library
from privateshare.platform.me.app_cards import app_cards
from privateshare.platform.me.source_pages import owner_name
from privateshare.platform.me.visitor import MyForm, MyPage, Visitor, check_token, form_token
from privateshare.platform.person.browsers import find_browsers, proving_browsers

REFRESH_SECONDS = 2
RESULT_SHOWN_FOR = timedelta(hours=1)  # The page says for this long how a move ended.

router = APIRouter(route_class=PageRoute, include_in_schema=False)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class OtherLibrary:
    """Another library that this browser proves to be the person's, and what is in it."""

    browser_id: UUID
    proof: str
    words: Markup
    sources: Sequence[str]
    apps: Sequence[str]
    entries: str
    pushed: int
    passkeys: int
    has_code: bool


@dataclass(frozen=True, slots=True)
class MergeState:
    """How far a move is. `state` is "running", "done", or why nothing was moved: "gone" or "unreadable"."""

    state: str
    percent: int


@router.get("/me/{browser_id}/merge")
async def show_merge(visitor: MyPage) -> Response:
    """Say what moving the other library into this one does, or how far it is."""
    row = await _last_merge(visitor)
    state = None if row is None else _state(row)
    if row is not None and row.finished_at is not None and row.problem is None:
        forget_secrets(visitor.request, [row.other_id])
    running = state is not None and state.state == "running"
    values: dict[str, object] = {
        "merge": state,
        "refresh": REFRESH_SECONDS if running else 0,
        "others": [] if running else [await _describe(visitor, other) for other in await _others(visitor)],
        "has_code": await _has_code(visitor, visitor.library.id),
        "entrance": visitor.other_entrance,
    }
    return visitor.page("me-merge.html", values)


@router.post("/me/{browser_id}/merge")
async def begin_merge(form: MyForm) -> Response:
    """Begin to move the other library into this one. Both have to be proven, now and in this browser."""
    visitor = form.visitor
    other = next((row for row in await _others(visitor) if str(row.id) == form.fields.get("other")), None)
    if other is None or form.fields.get("sure") != "yes":
        return redirect(visitor.address("merge"))
    check_token(other, form.fields.get("proof", ""))
    await lock_for_erasure(visitor.db, visitor.library.id, other.library_id)
    if not await _is_merging(visitor, other.library_id):
        merge = MergeRow(
            library_id=visitor.library.id, id=uuid4(), other_id=other.library_id, other_browser_id=other.id
        )
        visitor.db.add(merge)
        await visitor.db.flush()
        await defer_merge(visitor.db, visitor.platform.queue, visitor.library.id, merge.id)
        log.info("a person merges two libraries", library=str(visitor.library.id), moved=str(other.library_id))
    return redirect(visitor.address("merge"))


async def has_other_library(visitor: Visitor) -> bool:
    """Return whether this browser proves another library to be the person's."""
    return bool(await _others(visitor))


async def _others(visitor: Visitor) -> Sequence[BrowserRow]:
    """Find the browsers' secrets of other libraries that prove by themselves, or were confirmed by a passkey."""
    known = await find_browsers(visitor.db, read_secrets(visitor.request), visitor.now)
    proving = await proving_browsers(visitor.db, known, visitor.now)
    return [row for row in proving.values() if row.library_id != visitor.library.id]


async def _is_merging(visitor: Visitor, other_id: UUID) -> bool:
    """Return whether one of the two libraries is being moved, or receives another one."""
    both = (visitor.library.id, other_id)
    of_both = MergeRow.library_id.in_(both) | MergeRow.other_id.in_(both)
    query = select(MergeRow.id).where(of_both, MergeRow.finished_at.is_(None)).limit(1)
    return await visitor.db.scalar(query) is not None


async def _last_merge(visitor: Visitor) -> MergeRow | None:
    """Find the move that is under way, or that has just ended."""
    recent = MergeRow.finished_at.is_(None) | (MergeRow.finished_at > visitor.now - RESULT_SHOWN_FOR)
    query = select(MergeRow).where(MergeRow.library_id == visitor.library.id, recent)
    return await visitor.db.scalar(query.order_by(MergeRow.created_at.desc()).limit(1))


def _state(row: MergeRow) -> MergeState:
    percent = 100 * row.files_done // row.files_total if row.files_total else 0
    if row.finished_at is None:
        return MergeState("running", percent)
    return MergeState(row.problem or "done", percent)


async def _describe(visitor: Visitor, row: BrowserRow) -> OtherLibrary:
    db, library = visitor.db, await open_library(visitor.db, visitor.platform, row.library_id)
    accounts = await db.scalars(
        select(AccountRow).where(AccountRow.library_id == library.id).order_by(AccountRow.number)
    )
    there = visitor.of_library(library)
    cards = await app_cards(there)
    return OtherLibrary(
        browser_id=row.id,
        proof=form_token(row.secret_hash),
        words=await library_description(db, visitor.words, library.id),
        sources=[_source_name(there, account) for account in accounts],
        apps=list(dict.fromkeys(card.app for card in cards if not card.ended)),
        entries=visitor.words.number(await _sum(visitor, func.sum(FileRow.object_count), FileRow, library)),
        pushed=await _sum(visitor, func.count(), PushedFileRow, library),
        passkeys=await _sum(visitor, func.count(), PasskeyRow, library),
        has_code=await _has_code(visitor, library.id),
    )


def _source_name(visitor: Visitor, account: AccountRow) -> str:
    name = owner_name(visitor, account)
    source = visitor.words.source(account.source_id)
    return f"{source} ({name})" if name else source


async def _sum(visitor: Visitor, what: object, table: type, library: OpenLibrary) -> int:
    query = select(what).select_from(table).where(table.library_id == library.id)  # type: ignore[call-overload,attr-defined]
    return int(await visitor.db.scalar(query) or 0)


async def _has_code(visitor: Visitor, library_id: UUID) -> bool:
    return await visitor.db.get(RecoveryCodeRow, library_id) is not None
