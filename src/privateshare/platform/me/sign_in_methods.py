"""How a person signs in to `/me`: browsers, passkeys and a recovery code. They add, remove and disown them here."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

import structlog
from fastapi import APIRouter
from starlette.responses import Response

from privateshare.platform.audit.entries import Event, EventKind, record_event
from privateshare.platform.consent.passkey_forms import NewPasskey
from privateshare.platform.consent.person_cookie import forget_secrets
from privateshare.platform.consent.rendering import SHOWN_ONCE, PageRoute, redirect
from privateshare.platform.consent.translation import N_
from privateshare.platform.db.tables import BrowserRow, PasskeyRow, RecoveryCodeRow
from privateshare.platform.http.requests import public_address
from privateshare.platform.library.erasure import has_proof_of_person
from privateshare.platform.me.visitor import MyForm, MyFormData, MyPage, Visitor
from privateshare.platform.person.browsers import LIFETIME, description_of, library_browsers, revoke_browser, set_shared
from privateshare.platform.person.passkeys import PasskeyRefused, library_passkeys, remove_passkey, site_of
from privateshare.platform.person.recovery_codes import delete_recovery_code, new_recovery_code

router = APIRouter(route_class=PageRoute, include_in_schema=False)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BrowserCard:
    """A browser that proves who the person is. `shared` is true if other people use it too."""

    id: UUID
    name: str
    used: str
    is_this: bool
    shared: bool


@dataclass(frozen=True, slots=True)
class PasskeyCard:
    """A passkey that proves who the person is. `used` is empty if it never did."""

    id: UUID
    name: str
    added: str
    used: str
    synced: bool


@dataclass(frozen=True, slots=True)
class SignInMethods:
    """Everything that proves who the person is.

    Attributes:
        browsers: The browsers, the one used last first.
        passkeys: The passkeys, the newest first.
        code_made: When the recovery code was made, in words; empty if there is none.
        kept_until: The day until which the data is certainly kept, in words, if the person is known by browsers only
            and uses none of them again; empty otherwise.
        offers_passkeys: Whether browsers support passkeys at this platform's address.
    """

    browsers: Sequence[BrowserCard]
    passkeys: Sequence[PasskeyCard]
    code_made: str
    kept_until: str
    offers_passkeys: bool


async def sign_in_methods(visitor: Visitor) -> SignInMethods:
    """List everything that proves who the person is."""
    words, code = visitor.words, await visitor.db.get(RecoveryCodeRow, visitor.library.id)
    unnamed = words.say(N_("A browser"))
    return SignInMethods(
        browsers=[
            BrowserCard(
                row.id,
                description_of(row, visitor.library) or unnamed,
                words.moment(row.used_at),
                is_this=row.id == visitor.browser.id,
                shared=row.shared,
            )
            for row in await library_browsers(visitor.db, visitor.library.id, visitor.now)
        ],
        passkeys=[
            PasskeyCard(
                passkey.id,
                passkey.name or unnamed,
                words.date(passkey.created_at),
                words.moment(passkey.used_at) if passkey.used_at else "",
                passkey.synced,
            )
            for passkey in await library_passkeys(visitor.db, visitor.library)
        ],
        code_made=words.date(code.created_at) if code is not None else "",
        kept_until=await _kept_until(visitor),
        offers_passkeys=site_of(public_address(visitor.request)) is not None,
    )


async def _kept_until(visitor: Visitor) -> str:
    """Say until when the data is kept if the person does not come back, and can sign in with browsers only."""
    if await has_proof_of_person(visitor.db, visitor.library.id, without_browsers=True):
        return ""
    last = max(row.used_at for row in await library_browsers(visitor.db, visitor.library.id, visitor.now))
    return visitor.words.date(last + LIFETIME + visitor.platform.settings.unreachable_retention)


# --- browsers ---


@router.post("/me/{browser_id}/forget")
async def forget(form: MyForm) -> Response:
    """Revoke a browser, this one or another: it no longer proves who the person is."""
    visitor = form.visitor
    if (browser_id := _id(form, "browser")) is not None:
        await revoke_browser(visitor.db, visitor.library.id, browser_id)
        await _record_removal(visitor, "browser")
        if browser_id == visitor.browser.id:
            forget_secrets(visitor.request, [visitor.library.id])
    return redirect(visitor.address())


@router.post("/me/{browser_id}/shared")
async def tell_shared(form: MyForm) -> Response:
    """Record whether other people use this browser, so that a passkey has to confirm who is there."""
    visitor = form.visitor
    shared = form.fields.get("shared") == "yes"
    await set_shared(visitor.db, visitor.library.id, visitor.browser.id, shared=shared)
    return redirect(visitor.address())


# --- passkeys ---


@router.post("/me/{browser_id}/passkeys/challenge")
async def make_passkey_options(form: MyForm) -> Response:
    """Answer the script with what the browser needs to make a passkey."""
    return await _new_passkey(form.visitor).options(form.visitor.words)


@router.post("/me/{browser_id}/passkeys")
async def add_passkey(form: MyForm) -> Response:
    """Add the passkey that the browser has made."""
    visitor = form.visitor
    try:
        await _new_passkey(visitor).keep(form.fields.get("credential", ""), visitor.browser.id)
    except PasskeyRefused as error:
        log.warning("a new passkey was refused", library=str(visitor.library.id), reason=str(error))
        return redirect(f"{visitor.address()}?problem=passkey#known")
    return redirect(f"{visitor.address()}#known")


@router.post("/me/{browser_id}/passkeys/remove")
async def remove(form: MyForm) -> Response:
    """Remove a passkey: it no longer proves who the person is."""
    if (passkey_id := _id(form, "passkey")) is not None:
        await remove_passkey(form.visitor.db, form.visitor.library.id, passkey_id)
        await _record_removal(form.visitor, "passkey")
    return redirect(f"{form.visitor.address()}#known")


def _new_passkey(visitor: Visitor) -> NewPasskey:
    bound_to = f"my browser {visitor.library.id} {visitor.browser.id}"
    return NewPasskey(visitor.request, visitor.db, visitor.library, bound_to, visitor.now)


# --- the recovery code ---


@router.get("/me/{browser_id}/recovery")
async def show_my_recovery(visitor: MyPage) -> Response:
    """Explain what a recovery code is for."""
    return visitor.page("me-recovery.html", {"code": ""})


@router.post("/me/{browser_id}/recovery")
async def make_my_recovery_code(form: MyForm) -> Response:
    """Make a new recovery code and show it; it cannot be shown a second time."""
    code = await new_recovery_code(form.visitor.db, form.visitor.library)
    return form.visitor.page("me-recovery.html", {"code": code, **SHOWN_ONCE})


# --- "This was not me" ---


@router.post("/me/{browser_id}/not-me")
async def disown(form: MyForm) -> Response:
    """Remove a browser or passkey that somebody else added, and the recovery code, which they may know.

    The page then marks what was agreed since that day, for the person to stop.
    """
    visitor = form.visitor
    db, library_id = visitor.db, visitor.library.id
    browser_id, passkey_id = _id(form, "browser"), _id(form, "passkey")
    browser = await db.get(BrowserRow, (library_id, browser_id)) if browser_id != visitor.browser.id else None
    passkey = await db.get(PasskeyRow, (library_id, passkey_id))
    if browser is not None:
        since = browser.created_at
        await revoke_browser(db, library_id, browser.id)
    elif passkey is not None:
        since = passkey.created_at
        await remove_passkey(db, library_id, passkey.id)
    else:
        return redirect(visitor.address())
    await delete_recovery_code(db, library_id)
    await _record_removal(visitor, "browser" if browser is not None else "passkey", disowned=True)
    log.warning("a person disowned a browser or passkey", library=str(library_id), since=since.isoformat())
    return redirect(f"{visitor.address()}?not_me_since={quote(since.isoformat())}")


async def _record_removal(visitor: Visitor, method: str, *, disowned: bool = False) -> None:
    facts = {"method": method, "disowned": disowned}
    await record_event(visitor.db, visitor.library, Event(EventKind.SIGN_IN_REMOVED, facts))


def _id(form: MyFormData, name: str) -> UUID | None:
    """Read an id from a form's field; None if it is invalid."""
    with suppress(ValueError):
        return UUID(form.fields.get(name, ""))
    return None
