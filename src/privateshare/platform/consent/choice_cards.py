"""The cards of the consent page: an account each, with a box for every kind of data that the app asks for."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from privateshare.platform.consent.choice_draft import AccountDraft, Draft
from privateshare.platform.consent.kind_groups import NAMES, KindGroup, kind_group
from privateshare.platform.consent.shareable_accounts import Asking, ShareableAccount
from privateshare.platform.consent.terms import app_text
from privateshare.platform.consent.translation import N_, Translator
from privateshare.platform.db.tables import AccountRow, ArchiveRow, SyncRow
from privateshare.platform.library.delivery import ReadPermission
from privateshare.platform.library.holdings import AccountHoldings, Holding, count_holdings, files_of_accounts
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.sync.outcomes import types_in_error
from privateshare.protocol.choice import EVERYTHING, AccountChoice, Choice
from privateshare.protocol.contract_document import AppText
from privateshare.protocol.messages import Compression
from privateshare.protocol.scope import ObjectKind, Reach


@dataclass(frozen=True, slots=True)
class Example:
    """One object in one line, with its date."""

    text: str
    date: str


@dataclass(frozen=True, slots=True)
class KindRow:
    """A kind of data with its box.

    Attributes:
        id: The object type.
        name: Its plain name.
        count: How many objects, in words; empty if that is not known.
        dates: Of which years; empty if they have no dates.
        examples: The newest objects.
        ticked: Whether its box is ticked.
        required: Whether the app cannot work without it. Then the box cannot be unticked.
        reason: Why the app asks for it, in the app's own words.
        is_new: Whether the account did not have it when the person last agreed.
        is_outside: Whether there is some, but none within the dates.
        is_empty: Whether there is certainly none yet.
    """

    id: int
    name: str
    count: str
    dates: str
    examples: Sequence[Example]
    ticked: bool
    required: bool
    reason: AppText
    is_new: bool
    is_outside: bool
    is_empty: bool


@dataclass(frozen=True, slots=True)
class KindRows:
    """Kinds of data under one box. `group` is None for a single kind, which needs no box above it."""

    group: KindGroup | None
    name: str
    count: str
    dates: str
    rows: Sequence[KindRow]
    ticked: bool
    required: bool

    def shared(self) -> Sequence[KindRow]:
        """Return the kinds that are shared as the boxes are now."""
        return [row for row in self.rows if row.required or (row.ticked and self.ticked)]


@dataclass(frozen=True, slots=True)
class Card:
    """An account with its kinds of data.

    Attributes:
        entry: The account.
        ticked: Whether it is shared at all.
        parts: Its kinds.
        empty: The names of kinds of which there is nothing.
        later: Whether the box for what comes later is ticked.
        is_known: Whether it is known what is in the account. If not, all kinds are named.
        is_outside: Whether there is something, but nothing within the dates.
    """

    entry: ShareableAccount
    ticked: bool
    parts: Sequence[KindRows]
    empty: Sequence[str]
    later: bool
    is_known: bool
    is_outside: bool

    @property
    def rows(self) -> Sequence[KindRow]:
        """Every kind that has a box."""
        return [row for part in self.parts for row in part.rows]

    def choice(self) -> AccountChoice:
        """Return what is shared of the account as the boxes are now."""
        shared = [row.id for part in self.parts for row in part.shared()]
        declined = [row.id for row in self.rows if row.id not in shared]
        return AccountChoice(kinds=tuple(shared), declined=tuple(declined), later=self.later)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen before, which decides how boxes are ticked.

    Attributes:
        draft: What the person has chosen on this page so far.
        previous: What they shared when they last agreed; None if they never did.
        is_submitted: Whether the draft was just sent. Then a box that it did not have is not ticked, because the person
            has not seen it.
        agreed: What the contract asked for when they last agreed. Whatever it asks for beyond that is new to them.
    """

    draft: Draft
    previous: Choice | None = None
    is_submitted: bool = False
    agreed: Reach | None = None

    def shared_before(self, account: AccountRow, kind: int) -> AccountChoice | None:
        """Return what they shared of an account; nothing if the contract did not ask for this kind then."""
        previous = (self.previous.accounts or {}).get(account.id) if self.previous else None
        asked = ObjectKind(account.service_group, account.service_type, kind)
        if previous is None or self.agreed is None or self.agreed.allows_kind(asked):
            return previous
        return AccountChoice()


async def choice_cards(asking: Asking, entries: Sequence[ShareableAccount], chosen: Chosen) -> list[Card]:
    """Make a card for each account."""
    readable = [entry for entry in entries if entry.kinds]
    holdings = await _holdings(asking, readable, chosen.draft)
    account_ids = [entry.account.id for entry in readable]
    waiting, failed = await _accounts_with_waiting_files(asking, account_ids), await _failed_kinds(asking, account_ids)
    cards = []
    for entry in entries:
        id_ = entry.account.id
        held = replace(holdings.get(id_, AccountHoldings()), failed=failed.get(id_, frozenset()))
        cards.append(_card(asking, entry, held, chosen, id_ in waiting))
    return cards


async def _holdings(
    asking: Asking, entries: Sequence[ShareableAccount], draft: Draft
) -> Mapping[UUID, AccountHoldings]:
    if not entries:
        return {}
    reaches = (*asking.reaches, choice_since(draft).reach)
    permission = ReadPermission(reaches, EVERYTHING, Compression.NONE)
    files = await files_of_accounts(asking.db, asking.library.id, [entry.account.id for entry in entries])
    mapped_files = MappedFiles(asking.platform.blobs, asking.library)
    return await asyncio.to_thread(count_holdings, mapped_files, files, permission)


async def _accounts_with_waiting_files(asking: Asking, account_ids: Sequence[UUID]) -> set[UUID]:
    """Find the accounts with an uploaded file that is not imported yet, so that more may come."""
    query = select(ArchiveRow.account_id).where(
        ArchiveRow.library_id == asking.library.id,
        ArchiveRow.account_id.in_(account_ids),
        ArchiveRow.imported.is_(False),
    )
    return set(await asking.db.scalars(query))


async def _failed_kinds(asking: Asking, account_ids: Sequence[UUID]) -> dict[UUID, frozenset[int]]:
    """Find the kinds that the last sync of an account could not fetch, so that there may be more of them."""
    last = (
        select(SyncRow.account_id, SyncRow.error)
        .where(SyncRow.library_id == asking.library.id, SyncRow.account_id.in_(account_ids))
        .distinct(SyncRow.account_id)
        .order_by(SyncRow.account_id, SyncRow.finished_at.desc().nulls_last())
    )
    rows = await asking.db.execute(last.where(SyncRow.finished_at.is_not(None)))
    return {id_: frozenset(types_in_error(error)) for id_, error in rows if error}


def choice_since(draft: Draft) -> Choice:
    """Return the draft's limit of dates, as a choice of everything."""
    since = draft.since_date
    return EVERYTHING if since is None else Choice(since=int(since.timestamp()))


def _card(
    asking: Asking, entry: ShareableAccount, held: AccountHoldings, chosen: Chosen, has_waiting_file: bool
) -> Card:
    account = entry.account
    draft = chosen.draft.accounts.get(account.id)
    previous = (chosen.previous.accounts or {}).get(account.id) if chosen.previous else None
    is_known = account.sealed_cursors is not None and held.is_whole and not has_waiting_file
    requested = asking.document.reading.requested_kinds(account.service_group, account.service_type)
    kept = {*(previous.kinds if previous else ()), *(kind for kind, asked in requested.items() if asked.required)}
    if draft is not None and chosen.is_submitted:
        kept |= {*draft.offered}  # The person may have seen kinds by name, before it was known what is there.
    offered = [
        kind for kind in entry.kinds if kind in held.kinds or kind in held.failed or kind in kept or not is_known
    ]
    rows = [_kind_row(asking, account, held, chosen, kind, is_known=is_known) for kind in offered]
    has_data = [row for row in rows if row.id in held.kinds]
    empty = [kind for kind in entry.kinds if kind not in offered]
    return Card(
        entry=entry,
        ticked=draft.ticked if draft else entry.ticked and not chosen.is_submitted,
        parts=_parts(asking.words, rows, held, draft),
        empty=_empty_names(asking.words, empty, offered),
        # Where nothing is there yet, only what comes later can be shared.
        later=draft.later if draft else previous.later if previous else not rows,
        is_known=is_known,
        is_outside=is_known and bool(has_data) and all(row.is_outside for row in has_data),
    )


def _kind_row(
    asking: Asking, account: AccountRow, held: AccountHoldings, chosen: Chosen, kind: int, *, is_known: bool
) -> KindRow:
    asked = asking.document.reading.requested_kinds(account.service_group, account.service_type).get(kind)
    draft, before = chosen.draft.accounts.get(account.id), chosen.shared_before(account, kind)
    is_required = bool(asked and asked.required)
    is_counted = kind in held.kinds or (is_known and kind not in held.failed)
    holding = held.kinds.get(kind, Holding()) if is_counted else None
    return KindRow(
        id=kind,
        name=asking.words.object_type(kind),
        count=_count(asking.words, holding),
        dates=_years(asking.words, holding.first, holding.last) if holding else "",
        examples=_examples(asking.words, holding),
        ticked=is_required or _is_ticked(kind, draft, before, chosen.is_submitted),
        required=is_required,
        reason=app_text(asking.document, asked, "reason", asking.words) if asked else AppText(),
        is_new=before is not None and not before.later and kind not in (*before.kinds, *before.declined),
        is_outside=holding is not None and holding.total > 0 and holding.count == 0,
        is_empty=holding is not None and holding.total == 0,
    )


def _is_ticked(kind: int, draft: AccountDraft | None, previous: AccountChoice | None, is_submitted: bool) -> bool:
    if draft is not None and kind in draft.offered:
        return kind in draft.kinds
    if is_submitted:
        return False
    return previous is None or previous.allows(kind)


def _parts(
    words: Translator, rows: Sequence[KindRow], held: AccountHoldings, draft: AccountDraft | None
) -> list[KindRows]:
    """Put kinds of health data into their groups, in the order of the groups; other kinds stay single."""
    parts = [_single(row) for row in rows if kind_group(row.id) is None]
    for group in KindGroup:
        members = [row for row in rows if kind_group(row.id) is group]
        if len(members) == 1:
            parts.append(_single(members[0]))
        elif members:
            parts.append(_group(words, group, members, held, draft))
    return parts


def _single(row: KindRow) -> KindRows:
    return KindRows(None, row.name, row.count, row.dates, [row], ticked=True, required=row.required)


def _group(
    words: Translator, group: KindGroup, rows: Sequence[KindRow], held: AccountHoldings, draft: AccountDraft | None
) -> KindRows:
    holdings = [held.kinds[row.id] for row in rows if row.id in held.kinds]
    total = Holding(count=sum(one.count for one in holdings), at_most=any(one.at_most for one in holdings))
    firsts, lasts = [one.first for one in holdings if one.first], [one.last for one in holdings if one.last]
    dates = _years(words, min(firsts), max(lasts)) if firsts and lasts else ""
    was_offered = draft is not None and group.value in draft.offered_groups
    ticked = group.value in draft.groups if draft is not None and was_offered else any(row.ticked for row in rows)
    if draft is None and not ticked:  # Ticking the group alone must then share what is in it.
        rows = [replace(row, ticked=True) for row in rows]
    required = any(row.required for row in rows)
    return KindRows(
        group,
        words.say(NAMES[group]),
        _count(words, total) if holdings else "",
        dates,
        rows,
        ticked or required,
        required,
    )


def _count(words: Translator, holding: Holding | None) -> str:
    if holding is None:
        return ""
    number = words.number(holding.count)
    return words.say(N_("at most %(number)s"), number=number) if holding.at_most else number


def _years(words: Translator, first: datetime | None, last: datetime | None) -> str:
    if first is None or last is None:
        return ""
    return words.span(words.year(first), words.year(last))


def _examples(words: Translator, holding: Holding | None) -> list[Example]:
    found = holding.examples if holding else []
    return [Example(line.text, words.date(line.moment) if line.moment else "") for line in found if line.text]


def _empty_names(words: Translator, kinds: Sequence[int], offered: Sequence[int]) -> list[str]:
    """Return the names of kinds of which there is nothing.

    Kinds of health data are named by their groups; a group of which something is offered is not empty.
    """
    filled = {kind_group(kind) for kind in offered} - {None}
    groups = {kind: group for kind in kinds if (group := kind_group(kind)) not in filled}
    names = (words.say(NAMES[group]) if group else words.object_type(kind) for kind, group in groups.items())
    return list(dict.fromkeys(names))


def missing_required(cards: Sequence[Card]) -> KindRow | None:
    """Return a required kind that some account has, and that no account shares; None if there is none."""
    shared = {kind for card in cards if card.ticked for kind in card.choice().kinds}
    rows = (row for card in cards for row in card.rows if row.required and not row.is_empty)
    return next((row for row in rows if row.id not in shared), None)


def choice_of(cards: Sequence[Card], draft: Draft) -> Choice:
    """Return what is shared as the boxes are now. An account of which nothing is shared is left out."""
    choices = {card.entry.account.id: card.choice() for card in cards if card.ticked and card.entry.kinds}
    since = draft.since_date
    return Choice(
        accounts={id_: choice for id_, choice in choices.items() if choice.kinds or choice.later},
        since=int(since.timestamp()) if since else None,
    )
