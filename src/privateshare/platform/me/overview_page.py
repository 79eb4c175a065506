"""`/me`: what a person shares and how to stop it."""

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import structlog
from fastapi import APIRouter
from starlette.responses import Response

from privateshare.platform.consent.passkey_forms import NOT_ADDED
from privateshare.platform.consent.rendering import PageRoute, redirect
from privateshare.platform.db.tables import ConsentRow
from privateshare.platform.grants.consent_events import PERSON, withdraw_consent
from privateshare.platform.grants.deletions import ask_deletion
from privateshare.platform.me.app_cards import app_cards
from privateshare.platform.me.merge_pages import has_other_library
from privateshare.platform.me.sign_in_methods import sign_in_methods
from privateshare.platform.me.source_pages import source_cards
from privateshare.platform.me.visitor import MyForm, MyPage

router = APIRouter(route_class=PageRoute, include_in_schema=False)
log = structlog.get_logger()


@router.get("/me/{browser_id}")
async def show_my_data(
    visitor: MyPage, stopped: str = "", changed: str = "", not_me_since: str = "", problem: str = ""
) -> Response:
    """Show what the person shares. After "this was not me", mark what was agreed since."""
    cards = await app_cards(visitor)
    values: dict[str, object] = {
        "live": [card for card in cards if not card.ended],
        "ended": [card for card in cards if card.ended],
        "stopped": next((card for card in cards if str(card.consent_id) == stopped and card.ended), None),
        "changed": any(str(card.consent_id) == changed and not card.ended for card in cards),
        "sources": await source_cards(visitor),
        "sign_in": await sign_in_methods(visitor),
        "other_library": await has_other_library(visitor),
        "not_me_since": _read_moment(not_me_since),
        "problem": visitor.words.say(NOT_ADDED) if problem == "passkey" else "",
    }
    return visitor.page("me.html", values)


@router.post("/me/{browser_id}/stop")
async def stop(form: MyForm) -> Response:
    """Withdraw a consent: the app's next read fails, and a running one ends.

    The person may ask the app to delete what it has read.
    """
    visitor, stopped = form.visitor, ""
    with suppress(ValueError):
        consent = await visitor.db.get(ConsentRow, (visitor.library.id, UUID(form.fields.get("consent", ""))))
        if consent is not None:
            await withdraw_consent(visitor.db, visitor.platform, consent, visitor.now, PERSON, visitor.shown)
            if form.fields.get("delete") == "yes":
                await ask_deletion(visitor.db, visitor.platform, visitor.library, consent, visitor.now)
            stopped = f"?stopped={consent.id}"
            log.info("a person stopped sharing", library=str(visitor.library.id), consent=str(consent.id))
    return redirect(visitor.address() + stopped)


def _read_moment(text: str) -> datetime | None:
    """Read a moment from an address; None if it is invalid."""
    with suppress(ValueError):
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
