"""What a person sees of the exports in their files before anything is added: a card for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from markupsafe import Markup

from privateshare.platform.consent.known_accounts import KnownAccount, KnownAccounts
from privateshare.platform.consent.marks import draw_mark
from privateshare.platform.consent.source_answers import PROBLEMS
from privateshare.platform.consent.translation import N_, Translator, isolated_text
from privateshare.platform.consent.upload_notes import left_out_words, upload_note
from privateshare.platform.library.account_identities import is_same_owner
from privateshare.platform.library.read_exports import ExportSummary
from privateshare.platform.library.waiting_exports import WaitingExport
from privateshare.sources.contract import Identity, Source
from privateshare.sources.object_counts import CountedObjects

ADD, ANOTHER, DROP = "add", "another", "drop"
REFRESH_SECONDS = 1  # The next page comes when all is read, or LONGEST_WAIT_SECONDS later (`export_reading.py`).
REMOVES = N_(
    "If the file is newer than what is here, entries of these kinds that it does not have are removed here too: "
    "%(kinds)s."
)
IS_HERE = N_("You added this file before: everything in it is in your account at %(source)s already.")
DECIDE_FIRST = N_("Choose for each file whether to add it.")
MILLISECONDS = 1000
MAX_KINDS_SHOWN = 6
KEY_LOST = N_(
    "What was here of your account at %(source)s cannot be read any more, because its key is lost. "
    "With this file, a new account begins. The old one stays in the list of your sources until you remove it."
)
INTERRUPTED = N_("Reading this file stopped before its end. Upload it again.")


@dataclass(frozen=True, slots=True)
class Decision:
    """One of the choices that a person has for an export."""

    value: str
    label: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a person can decide about an export, what is chosen at first, and what they should know before."""

    decisions: Sequence[Decision]
    chosen: str
    warning: str = ""


@dataclass(frozen=True, slots=True)
class CountedKind:
    """A kind of data in an export, in words: its name, how much there is of it, and from when to when."""

    name: str
    count: str
    dates: str


@dataclass(frozen=True, slots=True)
class FoundExport:
    """An export.

    Attributes:
        id: The id of the export.
        field: The field of the form with the decision.
        mark: The mark of the source.
        source: The name of the source; empty if the file was not recognised.
        file: The name of the file.
        owner: Whose it is, as the file names them; empty if it does not say.
        period: From when to when; empty if nothing in it has a date.
        total: How many entries it has.
        kinds: How much there is of each kind.
        more_kinds: Further kinds.
        left_out: What will be left out, and why.
        unused: Files that hold something else.
        warning: What the person should know before they decide; empty if there is nothing.
        decisions: What they can decide; none while it is being read, or if it cannot be read.
        chosen: The decision that the form suggests; empty if it suggests none.
        percent: How much of it was read; None if it is not being read.
        waits: Whether it waits until it can be read.
        problem: What is wrong with it; empty if nothing is.
    """

    id: str
    field: str
    mark: Markup
    source: str
    file: str
    owner: str = ""
    period: str = ""
    total: str = ""
    kinds: Sequence[CountedKind] = ()
    more_kinds: Sequence[CountedKind] = ()
    left_out: Sequence[str] = ()
    unused: Sequence[str] = ()
    warning: str = ""
    decisions: Sequence[Decision] = ()
    chosen: str = ""
    percent: int | None = None
    waits: bool = False
    problem: str = ""


def export_cards(
    words: Translator,
    sources: Mapping[int, Source],
    exports: Sequence[WaitingExport],
    known: KnownAccounts,
    now: datetime,
) -> Sequence[FoundExport]:
    """Build the cards of exports. A source that has nothing in a file has no card if another has something in it.

    Args:
        words: The language.
        sources: The sources of the platform.
        exports: The exports.
        known: The accounts that the person has here already.
        now: The time.
    """
    return [_card(words, sources, export, known, now) for export in exports if not _is_needless(export, exports)]


def _is_needless(export: WaitingExport, exports: Sequence[WaitingExport]) -> bool:
    """Return whether an export says only that its source has nothing in a file that another source could read.

    Two sources may recognise the same file. It is no failure if only one of them finds something in it.
    """
    if export.problem is None or export.problem.left_out is None or export.problem.left_out.is_partial:
        return False
    return any(other.file == export.file and other.state == "ready" for other in exports)


def is_being_read(cards: Sequence[FoundExport]) -> bool:
    """Return whether an export is still being read, or waits for that."""
    return any(card.percent is not None or card.waits for card in cards)


def page_values(cards: Sequence[FoundExport], problem: str) -> dict[str, object]:
    """Return what the pages with these cards show. They renew themselves until all exports are read."""
    return {"cards": cards, "problem": problem, "refresh": REFRESH_SECONDS if is_being_read(cards) else 0}


def _card(
    words: Translator,
    sources: Mapping[int, Source],
    export: WaitingExport,
    known: KnownAccounts,
    now: datetime,
) -> FoundExport:
    source = sources.get(export.source) if export.source is not None else None
    name = words.source(export.source) if export.source is not None else ""
    mark = draw_mark(name or "?", source.info.brand if source else None)
    card = FoundExport(export.id, f"decision-{export.id}", mark, name, export.file)
    if export.is_interrupted(now):
        return replace(card, problem=words.say(INTERRUPTED))
    if export.problem is not None:
        left_out = left_out_words(words, export.problem.left_out) if export.problem.left_out is not None else ()
        return replace(card, left_out=left_out, problem=words.problem(export.problem))
    summary = export.summary
    if summary is None and export.progress is None:
        return replace(card, waits=True)
    if summary is None:
        return replace(card, percent=int((export.progress or 0) * 100))
    owner = summary.identity.owner_name
    if export.sample is not None and source is not None:
        owner = words.say(source.info.sample_name(export.sample))
    card = replace(card, owner=owner)
    if not known.may_belong_here(export.source, summary.identity):
        return replace(card, problem=words.say(PROBLEMS["another"]))
    return _with_content(words, card, summary, _offer(words, export, summary, known))


def _with_content(words: Translator, card: FoundExport, summary: ExportSummary, offer: Offer) -> FoundExport:
    """Return the card of an export that can be added: what is in it, and what the person can decide."""
    kinds = sorted(summary.kinds.items(), key=lambda one: -one[1].number)
    counted = [_counted(words, object_type, kind) for object_type, kind in kinds]
    number = sum(kind.number for kind in summary.kinds.values())
    note = upload_note(words, UUID(card.id), summary.left_out)
    return replace(
        card,
        period=period(words, list(summary.kinds.values())),
        total=words.count("%(num)s entry", "%(num)s entries", number),
        kinds=counted[:MAX_KINDS_SHOWN],
        more_kinds=counted[MAX_KINDS_SHOWN:],
        left_out=note.left_out,
        unused=note.unused,
        warning=offer.warning,
        decisions=offer.decisions,
        chosen=offer.chosen,
    )


def _offer(words: Translator, export: WaitingExport, summary: ExportSummary, known: KnownAccounts) -> Offer:
    """Return what a person can decide about an export, with a warning if it is known, or removes entries."""
    offer, name = _decisions(words, export, summary.identity, known), words.source(export.source or 0)
    if str(export.known_in) in {decision.value for decision in offer.decisions}:
        return replace(offer, warning=words.say(IS_HERE, source=name), chosen=str(export.known_in))
    if export.known_in is not None and export.known_in == known.account_of(export.source, summary.identity):
        return replace(offer, warning=words.say(IS_HERE, source=name))
    if summary.complete and known.of_source(export.source):
        lists = words.join_list([words.object_type(object_type) for object_type in summary.complete])
        warning = " ".join(filter(None, (offer.warning, words.say(REMOVES, kinds=lists))))
        return replace(offer, warning=warning)
    return offer


def _decisions(words: Translator, export: WaitingExport, identity: Identity, known: KnownAccounts) -> Offer:
    """Return what the person can decide by whose export it is, and which accounts they have already."""
    own, name = known.of_source(export.source), words.source(export.source or 0)
    drop = Decision(DROP, words.say(N_("Not this one")), words.say(N_("It is deleted, and nothing of it is kept.")))
    add = Decision(ADD, words.say(N_("Add it")))
    if export.sample is not None:  # A sample that is brought in from another PrivateShare belongs to nobody.
        return Offer([add, drop], ADD)
    if known.expected is not None or any(is_same_owner(account.identity, identity) for account in own):
        hint = words.say(N_("It is added to your account at %(source)s that is here already."), source=name)
        return Offer([Decision(ADD, add.label, hint), drop], ADD)
    possible = [account for account in own if not (identity.named and account.identity.named)]
    if possible:
        same = [_same(words, account) for account in possible]
        another = Decision(ANOTHER, words.say(N_("Add it as another account")))
        warning = words.say(
            N_("The file does not show whether it is of the account at %(source)s that is here already."), source=name
        )
        return Offer([*same, another, drop], same[0].value if len(same) == 1 else "", warning)
    if own:
        names = words.comma.join(isolated_text(account.identity.display_name) for account in own)
        warning = words.say(
            N_("Your account at %(source)s here has another name: %(names)s. Add the file only if it is yours too."),
            source=name,
            names=names,
        )
        return Offer([add, drop], "", warning)
    warning = words.say(KEY_LOST, source=name) if export.source in known.unreadable else ""
    return Offer([add, drop], ADD, warning)


def decided(cards: Sequence[FoundExport], answers: Mapping[str, str]) -> Mapping[str, str] | None:
    """Return the decision on each export that can be added, by its id; None if one is missing.

    Args:
        cards: The cards.
        answers: The fields of the form.
    """
    found = {card.id: answers.get(card.field, "") for card in cards if card.decisions}
    allowed = {card.id: {decision.value for decision in card.decisions} for card in cards}
    return found if all(value in allowed[id_] for id_, value in found.items()) else None


def chosen_account(decision: str) -> UUID | Literal["another"] | None:
    """Return which account an export belongs to by the person's decision; None if it says so itself."""
    if decision == ADD:
        return None
    return "another" if decision == ANOTHER else UUID(decision)


def _same(words: Translator, account: KnownAccount) -> Decision:
    label = words.say(N_("Add it to the account that is here"))
    connected = words.say(N_("Connected on %(date)s"), date=words.date(account.connected))
    name = isolated_text(account.identity.display_name) if account.identity.named else ""
    return Decision(str(account.id), label, " · ".join(filter(None, (name, connected))))


def _counted(words: Translator, object_type: int, kind: CountedObjects) -> CountedKind:
    return CountedKind(words.object_type(object_type), words.number(kind.number), _years(words, kind))


def period(words: Translator, kinds: Sequence[CountedObjects]) -> str:
    """Say from when to when entries are; an empty text if none has a date."""
    first = min((kind.first for kind in kinds if kind.first is not None), default=None)
    last = max((kind.last for kind in kinds if kind.last is not None), default=None)
    if first is None or last is None:
        return ""
    return words.span(words.date(_moment(first)), words.date(_moment(last)))


def _years(words: Translator, kind: CountedObjects) -> str:
    if kind.first is None or kind.last is None:
        return ""
    return words.span(words.year(_moment(kind.first)), words.year(_moment(kind.last)))


def _moment(milliseconds: int) -> datetime:
    """Return a date that can be shown, also for one that no calendar has."""
    try:
        return datetime.fromtimestamp(milliseconds / MILLISECONDS, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=UTC) if milliseconds < 0 else datetime.max.replace(tzinfo=UTC)
