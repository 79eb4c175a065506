"""The page of one app: what it may do, what it did, and what it put into the library."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy import func, select
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.audit.entries import EventKind
from privateshare.platform.audit.history import AppActivity, app_activities, happenings
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.consent.translation import N_
from privateshare.platform.db.tables import ConsentRow, ContractRow, PushedFileRow
from privateshare.platform.grants.deletions import ask_deletion
from privateshare.platform.me.app_cards import app_cards, ended
from privateshare.platform.me.file_kinds import file_kind_name
from privateshare.platform.me.visitor import MyForm, MyPage, Visitor

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@dataclass(frozen=True, slots=True)
class ActivityLine:
    """Something that an app did. `kinds` says how many files of which kinds."""

    when: str
    text: str
    kinds: Sequence[str]


@router.get("/me/{browser_id}/apps/{consent_id}")
async def show_app(visitor: MyPage, consent_id: UUID) -> Response:
    """Show what an app may do, and what it did."""
    card = next((card for card in await app_cards(visitor) if card.consent_id == consent_id), None)
    if card is None:
        raise NotFound("There is no such app")
    done = app_activities(await happenings(visitor.db, visitor.library)).get(consent_id, ())
    values = {
        "card": card,
        "activities": [_activity(visitor, one) for one in done],
        "pushed": await _pushed_files(visitor, consent_id),
    }
    return visitor.page("me-app.html", values)


@router.post("/me/{browser_id}/apps/{consent_id}/deletion")
async def ask_app_to_delete(form: MyForm, consent_id: UUID) -> Response:
    """Ask an app that reads nothing more to delete what it has read. Asking once more changes nothing."""
    visitor = form.visitor
    consent = await visitor.db.get(ConsentRow, (visitor.library.id, consent_id), with_for_update=True)
    if consent is None:
        raise NotFound("There is no such app")
    contract = await visitor.db.get_one(ContractRow, consent.contract_id)
    if contract.kind != "write" and ended(visitor, consent, contract):
        await ask_deletion(visitor.db, visitor.platform, visitor.library, consent, visitor.now)
    return redirect(visitor.address(f"apps/{consent.id}"))


async def _pushed_files(visitor: Visitor, consent_id: UUID) -> int:
    """Count the files that the app of a consent put into the library and that are still there."""
    consent = await visitor.db.get_one(ConsentRow, (visitor.library.id, consent_id))
    contract = await visitor.db.get_one(ContractRow, consent.contract_id)
    of_app = select(ContractRow.id).where(ContractRow.application_id == contract.application_id)
    query = select(func.count()).where(
        PushedFileRow.library_id == visitor.library.id, PushedFileRow.contract_id.in_(of_app)
    )
    return await visitor.db.scalar(query) or 0


def _activity(visitor: Visitor, activity: AppActivity) -> ActivityLine:
    words = visitor.words
    if activity.kind == EventKind.ACCESS_RENEWED:
        return ActivityLine(words.moment(activity.end), words.say(N_("Renewed its access")), ())
    size = words.size(activity.size)
    if activity.kind == EventKind.PUSHED:
        text = words.count(
            "Put %(num)d file into your library (%(size)s)",
            "Put %(num)d files into your library (%(size)s)",
            activity.file_count,
            size=size,
        )
        return ActivityLine(words.moment(activity.end), text, ())
    text = words.count("Read %(num)d file (%(size)s)", "Read %(num)d files (%(size)s)", activity.file_count, size=size)
    kinds = [
        f"{file_kind_name(words, kind)}: {words.number(files)}"
        for kind, (files, _) in sorted(activity.files.items(), key=lambda item: -item[1][0])
    ]
    return ActivityLine(words.moment(activity.end), text, kinds)
