"""How pages describe a library's owner: so that the owner recognizes it, and others learn nothing about them."""

from dataclasses import dataclass
from uuid import UUID

from markupsafe import Markup, escape
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.consent.proof import may_be_somebody_else
from privateshare.platform.consent.rendering import isolated
from privateshare.platform.consent.translation import N_, Translator
from privateshare.platform.consent.visit import Visit
from privateshare.platform.person.shares import last_share


@dataclass(frozen=True, slots=True)
class PersonOnPage:
    """What a page says about who is on a journey.

    Attributes:
        description: The library's owner, if the person proved that they are the owner.
        asks: Whether to offer proving who they are, to use what they connected before.
        may_recover: Whether to offer a person without a library to use the one that they may have from before.
        may_change: Whether they may say that they are somebody else.
    """

    description: Markup | None
    asks: bool = False
    may_recover: bool = False
    may_change: bool = False


async def describe_person(visit: Visit) -> PersonOnPage:
    """Describe who is on a journey, as far as they proved it."""
    library_id, new = visit.journey.library_id, visit.journey.library_id is None or visit.journey.provisional
    if new or library_id is None:
        may_recover = visit.journey.kind == "authorize" and not visit.journey.provisional
        return PersonOnPage(None, may_recover=may_recover)
    if not visit.proven:
        return PersonOnPage(None, asks=True)
    return PersonOnPage(await describe_library_owner(visit, library_id), may_change=may_be_somebody_else(visit.journey))


async def describe_library_owner(visit: Visit, library_id: UUID) -> Markup:
    """Describe a library's owner, on a journey."""
    return await library_description(visit.db, visit.words, library_id)


async def library_description(db: AsyncSession, words: Translator, library_id: UUID) -> Markup:
    """Describe a library's owner as the person who shared with an app on a day."""
    last = await last_share(db, library_id)
    if last is None:
        return escape(words.say(N_("the person who used this browser before")))
    description = escape(words.say(N_("the person who shared with %(app)s on %(date)s")))
    return description % {"app": isolated(last.app), "date": words.date(last.given_at)}
