"""Whose a library is, in words that its person knows it by and that tell others nothing more."""

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
class Who:
    """What a page says of who is on a journey.

    Attributes:
        told: Whose data it is, if the person proved that.
        asks: Whether what they connected before would be there if they proved who they are.
        may_recover: Whether they may be somebody who has a library already.
        may_change: Whether they may say that they are somebody else.
    """

    told: Markup | None
    asks: bool = False
    may_recover: bool = False
    may_change: bool = False


async def describe_person(visit: Visit) -> Who:
    """Say who is on a journey, as far as they proved it."""
    library_id, new = visit.journey.library_id, visit.journey.library_id is None or visit.journey.provisional
    if new or library_id is None:
        may_recover = visit.journey.kind == "authorize" and not visit.journey.provisional
        return Who(None, may_recover=may_recover)
    if not visit.proven:
        return Who(None, asks=True)
    return Who(await person_words(visit, library_id), may_change=may_be_somebody_else(visit.journey))


async def person_words(visit: Visit, library_id: UUID) -> Markup:
    """Say whose a library is: the person who shared with an app on a day."""
    return await library_words(visit.db, visit.words, library_id)


async def library_words(db: AsyncSession, words: Translator, library_id: UUID) -> Markup:
    """Say whose a library is, outside of a journey."""
    last = await last_share(db, library_id)
    if last is None:
        return escape(words.say(N_("the person who used this browser before")))
    said = escape(words.say(N_("the person who shared with %(app)s on %(date)s")))
    return said % {"app": isolated(last.app), "date": words.date(last.given_at)}
