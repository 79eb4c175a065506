"""The apps that a person shares with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from uuid import UUID

from sqlalchemy import select

from privateshare.platform.consent.source_choice import shared_kinds
from privateshare.platform.consent.translation import N_, Kinds, Translator
from privateshare.platform.db.tables import (
    AccountRow,
    ConsentAccountRow,
    ConsentRow,
    ContractRow,
)
from privateshare.platform.me.visitor import Visitor
from privateshare.protocol.scope import reach_of_contract


@dataclass(frozen=True, slots=True)
class AppCard:
    """An app that the person agreed with.

    Attributes:
        consent_id: Of the consent.
        app: Its name.
        partner: Who runs it; empty if it has the same name.
        kind: That of its contract: read, write or read-raw.
        kinds: Which data it may read.
        sources: From which sources, or to which it may send data.
        since: The date from which on the person shares, in words; empty if they share all dates.
        until: The last day, in words; empty if there is none.
        given: Since when, in words.
        given_at: Since when.
        used: When it last read or wrote, in words; empty if it never did.
        ended: Why it can do nothing more; empty if it can.
        unproven: Whether somebody agreed who did not prove to be the person.
        may_ask_deletion: Whether the person can ask the app to delete what it has read, and did not ask yet.
        deletion: Whether the app has confirmed that it deleted the data; empty if the person did not ask.
    """

    consent_id: UUID
    app: str
    partner: str
    kind: str
    kinds: Kinds
    sources: Sequence[str]
    since: str
    until: str
    given: str
    given_at: datetime
    used: str
    ended: str
    unproven: bool
    may_ask_deletion: bool
    deletion: str


async def app_cards(visitor: Visitor) -> list[AppCard]:
    """List the apps that the person agreed with, the newest first."""
    query = select(ConsentRow, ContractRow).join(ContractRow, ContractRow.id == ConsentRow.contract_id)
    mine = query.where(ConsentRow.library_id == visitor.library.id).order_by(ConsentRow.created_at.desc())
    sources = await _sources_by_consent(visitor)
    return [
        _card(visitor, consent, contract, sources.get(consent.id, ()))
        for consent, contract in await visitor.db.execute(mine)
    ]


def _card(visitor: Visitor, consent: ConsentRow, contract: ContractRow, sources: Sequence[int]) -> AppCard:
    words, application = visitor.words, contract.application
    ends = [moment for moment in (consent.expires_at, contract.expires_at) if moment is not None]
    return AppCard(
        consent_id=consent.id,
        app=application.name,
        partner=application.partner.name if application.partner.name != application.name else "",
        kind=contract.kind,
        kinds=words.kinds(_readable_kinds(visitor, consent, sources)),
        sources=[words.source(source_id) for source_id in sources],
        since=words.date(since) if (since := consent.choice.since_date) else "",
        until=words.date(min(ends)) if ends else "",
        given=words.date(consent.created_at),
        given_at=consent.created_at,
        used=words.moment(consent.used_at) if consent.used_at else "",
        ended=ended(visitor, consent, contract),
        unproven=consent.unproven,
        may_ask_deletion=contract.kind != "write" and consent.deletion_asked_at is None,
        deletion=_deletion(words, consent),
    )


def _readable_kinds(visitor: Visitor, consent: ConsentRow, sources: Sequence[int]) -> Sequence[int]:
    """Find which kinds of data a consent opens: those that the person chose, of the sources that it is about."""
    chosen = consent.choice.accounts
    reach = reach_of_contract(consent.document, visitor.now)
    connectable = visitor.platform.sources.connectable
    kinds = (shared_kinds(reach, connectable[source_id].info) for source_id in sources if source_id in connectable)
    asked = list(dict.fromkeys(chain.from_iterable(kinds)))
    return asked if chosen is None else [kind for kind in asked if any(kind in one.kinds for one in chosen.values())]


def ended(visitor: Visitor, consent: ConsentRow, contract: ContractRow) -> str:
    """Say why a consent opens nothing more; empty if it does."""
    words, why = visitor.words, ""
    lapsed = [moment for moment in (consent.expires_at, contract.expires_at) if moment and moment <= visitor.now]
    if consent.revoked_at is not None:
        why = words.say(N_("Stopped on %(date)s."), date=words.date(consent.revoked_at))
    elif lapsed:
        why = words.say(N_("Ended on %(date)s."), date=words.date(lapsed[0]))
    elif (contract.once or consent.once) and consent.used_at is not None:
        why = words.say(N_("It was for one time, on %(date)s."), date=words.date(consent.used_at))
    return f"{why} {_deletion(words, consent)}".rstrip() if why else ""


def _deletion(words: Translator, consent: ConsentRow) -> str:
    """Say whether the app has confirmed that it deleted the data, as the person asked; empty if they did not ask."""
    if consent.deletion_asked_at is None:
        return ""
    asked = words.date(consent.deletion_asked_at)
    if consent.deletion_confirmed_at is None:
        return words.say(N_("You asked it on %(asked)s to delete your data: not confirmed yet."), asked=asked)
    confirmed = words.date(consent.deletion_confirmed_at)
    told = N_("You asked it on %(asked)s to delete your data: confirmed on %(confirmed)s.")
    return words.say(told, asked=asked, confirmed=confirmed)


async def _sources_by_consent(visitor: Visitor) -> Mapping[UUID, Sequence[int]]:
    query = (
        select(ConsentAccountRow.consent_id, AccountRow.source_id)
        .join(
            AccountRow,
            (AccountRow.library_id == ConsentAccountRow.library_id) & (AccountRow.id == ConsentAccountRow.account_id),
        )
        .where(ConsentAccountRow.library_id == visitor.library.id)
        .order_by(AccountRow.number)
    )
    found: dict[UUID, list[int]] = {}
    for consent_id, source_id in await visitor.db.execute(query):
        if source_id not in found.setdefault(consent_id, []):
            found[consent_id].append(source_id)
    return found
