"""A browser that becomes known, because its person has just proved in another way who they are."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request

from privateshare.platform.consent.person_cookie import keep_secret, read_secrets
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.person.browsers import (
    BrowserSecret,
    add_browser,
    confirm_browser,
    find_browsers,
    mark_shared,
    use_browser,
)


async def remember_browser(request: Request, db: AsyncSession, library: OpenLibrary, now: datetime) -> BrowserSecret:
    """Give this browser a secret, so that it proves from now on whose a library is; return the secret.

    If the browser proves other libraries to be somebody's too, several people use it.
    """
    known = await find_browsers(db, read_secrets(request), now)
    mine = next((secret for secret in known if secret.library_id == library.id), None)
    kept = await use_browser(db, mine, now) if mine is not None else None
    if kept is None:
        kept = await add_browser(db, library, request.headers.get("user-agent", ""), now)
    others = [secret for secret in known if secret.library_id != library.id]
    if others:
        await mark_shared(db, [kept, *others])
    await confirm_browser(db, kept, now)
    keep_secret(request, kept)
    return kept


def sender_address(request: Request) -> str:
    """Return the address that a request came from, by which tries are counted."""
    return request.client.host if request.client else "unknown"
