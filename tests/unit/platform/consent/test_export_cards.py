"""What a person sees of an export before it is added, and what they can decide."""

from collections import Counter
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from privateshare.platform.consent.export_cards import ADD, ANOTHER, DROP, decided, export_cards, is_being_read
from privateshare.platform.consent.known_accounts import KnownAccount, KnownAccounts
from privateshare.platform.consent.translation import Translator
from privateshare.platform.library.read_exports import ExportSummary
from privateshare.platform.library.waiting_exports import SILENCE, WaitingExport, new_export
from privateshare.sources.contract import Broken, Identity
from privateshare.sources.failures import UNKNOWN, LeftOut, Reason
from privateshare.sources.object_counts import CountedObjects
from privateshare.sources.registry import Sources

GOODREADS, BOOK = 9041, 9011
NOW = datetime(2026, 11, 1, tzinfo=UTC)
ANN, BOB = Identity("ann", "Ann"), Identity("bob", "Bob")
SOMEONE = Identity("someone", "Goodreads", named=False)
WORDS = Translator("en")


def ready(identity: Identity, *, complete: bool = False) -> WaitingExport:
    export = new_export("books.csv", GOODREADS)
    kinds = {BOOK: CountedObjects(1200, 1_700_000_000_000, 1_780_000_000_000)}
    export.summary = ExportSummary(identity, LeftOut(read=1200), kinds, b"1", [BOOK] if complete else [])
    export.state = "ready"
    return WaitingExport.from_json(export.to_json())


NOBODY = KnownAccounts()


def known(identity: Identity) -> KnownAccount:
    return KnownAccount(uuid4(), GOODREADS, identity, NOW)


@pytest.mark.parametrize(
    ("export", "here", "values", "chosen"),
    [
        (ANN, [], [ADD, DROP], ADD),
        (ANN, [ANN], [ADD, DROP], ADD),
        (ANN, [BOB], [ADD, DROP], ""),  # Whose it is has to be thought about.
        (ANN, [SOMEONE], ["account", ANOTHER, DROP], "account"),
        (SOMEONE, [ANN], ["account", ANOTHER, DROP], "account"),
        (SOMEONE, [ANN, BOB], ["account", "account", ANOTHER, DROP], ""),
        (SOMEONE, [], [ADD, DROP], ADD),
    ],
)
def test_the_account_is_asked_for_where_the_file_does_not_say_it(
    export: Identity, here: list[Identity], values: list[str], chosen: str
) -> None:
    accounts = [known(one) for one in here]
    ids = {str(account.id) for account in accounts}
    (card,) = export_cards(WORDS, {}, [ready(export)], KnownAccounts(accounts), NOW)
    assert ["account" if one.value in ids else one.value for one in card.decisions] == values
    assert ("account" if card.chosen in ids else card.chosen) == chosen
    assert decided([card], {card.field: card.decisions[0].value}) == {card.id: card.decisions[0].value}
    assert decided([card], {}) is None
    assert decided([card], {card.field: str(uuid4())}) is None


@pytest.mark.parametrize("complete", [True, False])
def test_it_is_said_that_everything_in_a_file_is_here_already(complete: bool) -> None:
    """The account that has it is chosen, and nothing is removed by it."""
    ann, other = known(ANN), known(SOMEONE)
    for export, account, chosen in ((ANN, ann, ADD), (SOMEONE, other, str(other.id)), (SOMEONE, ann, str(ann.id))):
        waiting = ready(export, complete=complete)
        waiting.known_in = account.id
        stored = WaitingExport.from_json(waiting.to_json())
        (card,) = export_cards(WORDS, {}, [stored], KnownAccounts([ann, other]), NOW)
        assert card.warning == "You added this file before: everything in it is in your account at Goodreads already."
        assert card.chosen == chosen
        assert chosen in {decision.value for decision in card.decisions}
    (card,) = export_cards(WORDS, {}, [stored], KnownAccounts([other]), NOW)  # The account was removed meanwhile.
    assert "everything" not in card.warning


@pytest.mark.parametrize(
    ("export", "here", "expected"),
    [
        (ANN, [SOMEONE, ANN], None),  # It was added to the account without a name before there was one of Ann.
        (ANN, [ANN, ANN], None),  # After two libraries became one, an account may be there twice.
        (ANN, [BOB], None),  # The account has another name now, so a new one is made.
        (SOMEONE, [SOMEONE, ANN], 1),
    ],
)
def test_a_file_that_is_in_another_account_is_not_said_to_be_here(
    export: Identity, here: list[Identity], expected: int | None
) -> None:
    """What it removes in the account that it is added to is said, and to think about whose it is."""
    accounts, waiting, fresh = [known(one) for one in here], ready(export, complete=True), ready(export, complete=True)
    waiting.known_in = accounts[0].id
    there = KnownAccounts(accounts, expected=None if expected is None else accounts[expected])
    (card,), (other,) = (export_cards(WORDS, {}, [one], there, NOW) for one in (waiting, fresh))
    assert (card.warning, card.chosen) == (other.warning, other.chosen)
    assert "removed here too" in card.warning


def test_a_card_says_what_is_in_the_file() -> None:
    (card,) = export_cards(WORDS, {}, [ready(ANN)], NOBODY, NOW)
    assert (card.owner, card.total, card.file) == ("Ann", "1,200 entries", "books.csv")
    assert card.period == "November 14, 2023 to May 28, 2026"
    assert [(kind.name, kind.count, kind.dates) for kind in card.kinds] == [("Books you read", "1,200", "2023 to 2026")]
    assert not card.warning


def test_it_is_said_that_what_a_complete_file_lacks_is_removed() -> None:
    """Only where there is something that could be removed."""
    (card,) = export_cards(WORDS, {}, [ready(ANN, complete=True)], KnownAccounts([known(ANN)]), NOW)
    assert "are removed here too: Books you read." in card.warning
    (card,) = export_cards(WORDS, {}, [ready(ANN, complete=True)], NOBODY, NOW)
    assert not card.warning


def test_problems_and_interruptions_are_said_and_nothing_can_be_decided() -> None:
    reading = new_export("a.zip", GOODREADS)
    (card,) = export_cards(WORDS, {}, [reading], NOBODY, reading.touched)
    assert (card.waits, card.percent, card.problem, card.decisions) == (True, None, "", ())
    assert is_being_read([card])
    reading.progress = 0.25
    (card,) = export_cards(WORDS, {}, [reading], NOBODY, reading.touched)
    assert (card.waits, card.percent, card.problem, card.decisions) == (False, 25, "", ())
    assert is_being_read([card])
    (card,) = export_cards(WORDS, {}, [reading], NOBODY, reading.touched + 2 * SILENCE)
    assert (card.percent, card.decisions) == (None, ())
    assert "stopped before its end" in card.problem
    (card,) = export_cards(WORDS, {}, [new_export("a", None, Broken("It is empty. Try again."))], NOBODY, NOW)
    assert (card.problem, card.decisions, decided([card], {})) == ("It is empty. Try again.", (), {})


def test_a_problem_says_which_entries_could_not_be_read() -> None:
    """Also after it was stored, and read from there."""
    reason = Reason(
        "NoDate", "%(num)s of %(total)s has no date.", "%(num)s of %(total)s have no date.", Broken("x. y.")
    )
    problem = Broken("Less than half of the file can be read. Export it again.")
    problem.left_out = LeftOut(read=1)
    for _ in range(3):
        problem.left_out.leave_out(reason, BOOK)
    export = WaitingExport.from_json(new_export("a.zip", GOODREADS, problem).to_json())
    (card,) = export_cards(WORDS, {}, [export], NOBODY, NOW)
    assert (card.problem, card.left_out) == (problem.text, ["3 of 4 have no date."])


@pytest.mark.parametrize(
    ("export", "account", "is_allowed"),
    [(ANN, ANN, True), (ANN, BOB, False), (ANN, SOMEONE, True), (SOMEONE, ANN, True), (SOMEONE, SOMEONE, True)],
)
def test_only_the_account_that_is_connected_again_can_be_added_to(
    export: Identity, account: Identity, is_allowed: bool
) -> None:
    """A file of somebody else is not added, and another account cannot be chosen."""
    expected = known(account)
    here = KnownAccounts([expected, known(BOB), known(SOMEONE)], expected=expected)
    (card,) = export_cards(WORDS, {}, [ready(export)], here, NOW)
    assert [one.value for one in card.decisions] == ([ADD, DROP] if is_allowed else [])
    assert bool(card.problem) is not is_allowed


def test_an_account_whose_key_is_lost_begins_anew() -> None:
    """The card says what was lost. Where another account can be read, the file is compared with that."""
    (card,) = export_cards(WORDS, {}, [ready(ANN)], KnownAccounts(unreadable=[GOODREADS]), NOW)
    assert ([one.value for one in card.decisions], card.chosen) == ([ADD, DROP], ADD)
    assert "its key is lost. With this file, a new account begins" in card.warning
    (card,) = export_cards(WORDS, {}, [ready(ANN)], KnownAccounts(unreadable=[GOODREADS + 1]), NOW)
    assert not card.warning


@pytest.mark.parametrize(
    ("file", "left_out", "shown"),
    [
        ("books.csv", LeftOut(), 1),
        ("other.csv", LeftOut(), 2),
        ("books.csv", LeftOut(entries=Counter({(UNKNOWN, None): 1})), 2),
        ("books.csv", None, 2),
    ],
)
def test_a_source_with_nothing_in_a_file_of_another_is_not_shown(
    file: str, left_out: LeftOut | None, shown: int
) -> None:
    """Two sources of one service have the same files. What was lost, and what is alone, is told."""
    problem = Broken("The file holds no history.")
    problem.left_out = left_out
    nothing = WaitingExport.from_json(new_export(file, GOODREADS, problem).to_json())
    assert len(export_cards(WORDS, {}, [ready(ANN), nothing], NOBODY, NOW)) == shown
    assert len(export_cards(WORDS, {}, [nothing], NOBODY, NOW)) == 1
    reading = new_export("books.csv", GOODREADS)
    assert len(export_cards(WORDS, {}, [reading, nothing], NOBODY, reading.touched)) == 2


@pytest.mark.parametrize(
    ("sample", "owner"), [(None, "Ann"), ("default", "An invented person"), ("of long ago", "of long ago")]
)
def test_a_sample_that_is_brought_in_has_its_name(sample: str | None, owner: str) -> None:
    """Not the name that stands in its objects."""
    export = ready(ANN)
    export.sample = sample
    (card,) = export_cards(WORDS, Sources().connectable, [export], NOBODY, NOW)
    assert card.owner == owner
