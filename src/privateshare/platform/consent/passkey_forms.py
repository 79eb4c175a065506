"""What forms with passkeys share: the texts of their problems, the challenges as JSON, and the check of an answer."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from privateshare.errors import NotFound
from privateshare.platform.consent.known_browser import sender_address
from privateshare.platform.consent.rendering import SAFE_HEADERS
from privateshare.platform.consent.translation import N_, Translator
from privateshare.platform.http.requests import platform_of, public_address
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.person.browsers import describe, end_other_confirmations
from privateshare.platform.person.challenges import Purpose, new_challenge, take_challenge
from privateshare.platform.person.passkeys import (
    PasskeyRefused,
    Site,
    add_passkey,
    prove_by_passkey,
    registration_options,
    site_of,
)

MANY_TRIES = N_("Too many attempts. Wait a minute, then try again.")
CODE_PROBLEM = N_("This is not your code, or it was used before. Check every character.")
PASSKEY_PROBLEM = N_("This passkey is not known here, or you took more than five minutes. Try again.")
NOT_ADDED = N_("The passkey was not added: it is here already, or it took more than five minutes. Try again.")


def require_site(request: Request) -> Site:
    """Return where passkeys are valid. Raises NotFound if browsers support none at this platform's address."""
    site = site_of(public_address(request))
    if site is None:
        raise NotFound("Passkeys need a host name and https")
    return site


def json_response(text: str) -> Response:
    """Answer a script of our pages."""
    return Response(text, media_type="application/json", headers=SAFE_HEADERS)


async def proven_library(request: Request, db: AsyncSession, answer: str, bound_to: str, now: datetime) -> OpenLibrary:
    """Return the library that a passkey proves to be the person's. Raises PasskeyRefused. The challenge is used up."""
    site, challenge = require_site(request), await take_challenge(db, Purpose.PROVE, bound_to, now)
    if challenge is None:
        raise PasskeyRefused("there is no challenge for it")
    return await prove_by_passkey(db, platform_of(request), site, answer, challenge, now)


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey that a person adds to their library. `bound_to` is what its challenge is bound to."""

    request: Request = field(repr=False)
    db: AsyncSession
    library: OpenLibrary
    bound_to: str = field(repr=False)
    now: datetime

    async def options(self, words: Translator) -> Response:
        """Answer the script with what the browser needs to make the passkey."""
        site = require_site(self.request)
        await platform_of(self.request).limits.check_challenge(sender_address(self.request))
        challenge = await new_challenge(self.db, Purpose.ADD, self.bound_to, self.now)
        # Devices list the passkey by this name. It names no app, because it may be synced with other companies.
        name = words.say(N_("My data, %(date)s"), date=words.date(self.now))
        return json_response(await registration_options(self.db, site, self.library, challenge, name))

    async def keep(self, answer: str, browser_id: UUID | None) -> None:
        """Add the passkey that the browser has made. Raises PasskeyRefused. The challenge is used up."""
        site, challenge = (
            require_site(self.request),
            await take_challenge(self.db, Purpose.ADD, self.bound_to, self.now),
        )
        if challenge is None:
            raise PasskeyRefused("there is no challenge for it")
        made_on = describe(self.request.headers.get("user-agent", ""))
        await add_passkey(self.db, site, self.library, answer, challenge, made_on, self.now)
        await end_other_confirmations(self.db, self.library.id, browser_id)
