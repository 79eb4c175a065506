"""What a person sees of the exports in their files before anything is added: a card for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

from markupsafe import Markup

from privateshare.platform.consent.marks import draw_mark
from privateshare.platform.consent.source_answers import PROBLEMS
from privateshare.platform.consent.translation import N_, Translator, isolated_text
from privateshare.platform.consent.upload_notes import left_out_words, upload_note
from privateshare.platform.db.tables import AccountRow
from privateshare.platform.library.accounts import account_identity
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.library.waiting_exports import WaitingExport
from privateshare.sources.contract import Identity, Source
from privateshare.sources.object_counts import CountedObjects

ADD, ANOTHER, DROP = "add", "another", "drop"
REFRESH_SECONDS = 2
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


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """An account that the person has here already."""

    id: UUID
    source_id: int
    identity: Identity
    connected: datetime


@dataclass(frozen=True, slots=True)
class KnownAccounts:
    """The accounts that the person has here already.

    Attributes:
        readable: The accounts to which an export can be added.
        unreadable: The sources of the accounts whose key is lost. An export of one of them begins a new account.
        expected: The account that is connected again, and of which all exports must be; None if there is none.
    """

    readable: Sequence[KnownAccount] = ()
    unreadable: Sequence[int] = ()
    expected: KnownAccount | None = None

    def of_source(self, source_id: int | None) -> Sequence[KnownAccount]:
        """Return the readable accounts of a source."""
        return [account for account in self.readable if account.source_id == source_id]

    def account_of(self, source_id: int | None, identity: Identity) -> UUID | None:
        """Return the account that an export is certainly added to; None if that is not known, or a new one."""
        if self.expected is not None:
            return self.expected.id
        same = [one.id for one in self.of_source(source_id) if is_same_owner(one.identity, identity)]
        return same[0] if len(same) == 1 else None

    def may_belong_here(self, source_id: int | None, identity: Identity) -> bool:
        """Return whether an export with this identity may be added here."""
        if self.expected is None:
            return True
        known = self.expected.identity
        is_same = known.provider_account_id == identity.provider_account_id
        return self.expected.source_id == source_id and (is_same or not (known.named and identity.named))


def known_accounts(library: OpenLibrary, accounts: Sequence[AccountRow], expected: UUID | None = None) -> KnownAccounts:
    """Return those of the accounts that an export could belong to.

    Args:
        library: The library of the accounts.
        accounts: The accounts.
        expected: The account that is connected again, if it is one of them.
    """
    own = [row for row in accounts if row.sample is None]
    lost = {row.source_id for row in own if row.id in library.lost_accounts}
    known = [
        KnownAccount(row.id, row.source_id, account_identity(row, library), row.created_at)
        for row in own
        if row.id not in library.lost_accounts
    ]
    return KnownAccounts(known, sorted(lost), next((one for one in known if one.id == expected), None))


def export_cards(
    words: Translator,
    sources: Mapping[int, Source],
    exports: Sequence[WaitingExport],
    known: "KnownAccounts",
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
    known: "KnownAccounts",
    now: datetime,
) -> FoundExport:
    source = sources.get(export.source) if export.source is not None else None
    name = words.source(export.source) if export.source is not None else ""
    mark = draw_mark(name or "?", source.info.brand if source else None)
    field = f"decision-{export.id}"
    problem = words.problem(export.problem) if export.problem else ""
    if export.is_interrupted(now):
        problem = words.say(INTERRUPTED)
    summary = export.summary
    if problem:
        told = export.problem.left_out if export.problem is not None else None
        left_out = left_out_words(words, told) if told is not None else ()
        return FoundExport(export.id, field, mark, name, export.file, left_out=left_out, problem=problem)
    if summary is None:
        waits = export.progress is None
        percent = None if export.progress is None else int(export.progress * 100)
        return FoundExport(export.id, field, mark, name, export.file, percent=percent, waits=waits)
    owner = summary.identity.owner_name
    if export.sample is not None and source is not None:
        owner = words.say(source.info.sample_name(export.sample))
    if not known.may_belong_here(export.source, summary.identity):
        problem = words.say(PROBLEMS["another"])
        return FoundExport(export.id, field, mark, name, export.file, owner, problem=problem)
    note = upload_note(words, UUID(export.id), summary.left_out)
    kinds = sorted(summary.kinds.items(), key=lambda one: -one[1].number)
    counted = [_counted(words, object_type, kind) for object_type, kind in kinds]
    number = sum(kind.number for kind in summary.kinds.values())
    warning, decisions, chosen = _decisions(words, export, summary.identity, known)
    values = {decision.value for decision in decisions}
    if str(export.known_in) in values:
        warning, chosen = words.say(IS_HERE, source=name), str(export.known_in)
    elif export.known_in is not None and export.known_in == known.account_of(export.source, summary.identity):
        warning = words.say(IS_HERE, source=name)
    elif summary.complete and known.of_source(export.source):
        lists = words.join_list([words.object_type(object_type) for object_type in summary.complete])
        warning = " ".join(filter(None, (warning, words.say(REMOVES, kinds=lists))))
    return FoundExport(
        export.id,
        field,
        mark,
        name,
        export.file,
        owner,
        period(words, list(summary.kinds.values())),
        words.count("%(num)s entry", "%(num)s entries", number),
        counted[:MAX_KINDS_SHOWN],
        counted[MAX_KINDS_SHOWN:],
        note.left_out,
        note.unused,
        warning,
        decisions,
        chosen,
    )


def _decisions(
    words: Translator, export: WaitingExport, identity: Identity, known: KnownAccounts
) -> tuple[str, Sequence[Decision], str]:
    """Return what the person should know, what they can decide, and what is chosen at first."""
    own, name = known.of_source(export.source), words.source(export.source or 0)
    drop = Decision(DROP, words.say(N_("Not this one")), words.say(N_("It is deleted, and nothing of it is kept.")))
    add = Decision(ADD, words.say(N_("Add it")))
    if export.sample is not None:  # A sample that is brought in from another PrivateShare belongs to nobody.
        return "", [add, drop], ADD
    if known.expected is not None or any(is_same_owner(account.identity, identity) for account in own):
        hint = words.say(N_("It is added to your account at %(source)s that is here already."), source=name)
        return "", [Decision(ADD, add.label, hint), drop], ADD
    possible = [account for account in own if not (identity.named and account.identity.named)]
    if possible:
        same = [_same(words, account) for account in possible]
        another = Decision(ANOTHER, words.say(N_("Add it as another account")))
        warning = words.say(
            N_("The file does not show whether it is of the account at %(source)s that is here already."), source=name
        )
        return warning, [*same, another, drop], same[0].value if len(same) == 1 else ""
    if own:
        names = words.comma.join(isolated_text(account.identity.display_name) for account in own)
        warning = words.say(
            N_("Your account at %(source)s here has another name: %(names)s. Add the file only if it is yours too."),
            source=name,
            names=names,
        )
        return warning, [add, drop], ""
    return words.say(KEY_LOST, source=name) if export.source in known.unreadable else "", [add, drop], ADD


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


def is_same_owner(one: Identity, other: Identity) -> bool:
    """Return whether two identities are certainly the same account."""
    return one.named and other.named and one.provider_account_id == other.provider_account_id


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
    begin, end = words.date(_moment(first)), words.date(_moment(last))
    return begin if begin == end else words.say(N_("%(first)s to %(last)s"), first=begin, last=end)


def _years(words: Translator, kind: CountedObjects) -> str:
    if kind.first is None or kind.last is None:
        return ""
    first, last = words.year(_moment(kind.first)), words.year(_moment(kind.last))
    return first if first == last else f"{first}–{last}"


def _moment(milliseconds: int) -> datetime:
    """Return a date that can be shown, also for one that no calendar has."""
    try:
        return datetime.fromtimestamp(milliseconds / MILLISECONDS, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=UTC) if milliseconds < 0 else datetime.max.replace(tzinfo=UTC)
