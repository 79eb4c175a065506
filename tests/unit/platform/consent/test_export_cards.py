"""What a person sees of an export before it is added, and what they can decide."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from privateshare.platform.consent.export_cards import ADD, ANOTHER, DROP, KnownAccount, decided, export_cards
from privateshare.platform.consent.translation import Translator
from privateshare.platform.library.read_exports import ExportSummary
from privateshare.platform.library.waiting_exports import SILENCE, WaitingExport, new_export
from privateshare.sources.contract import Broken, Identity
from privateshare.sources.failures import LeftOut
from privateshare.sources.object_counts import CountedObjects

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
    (card,) = export_cards(WORDS, {}, [ready(export)], accounts, NOW)
    assert ["account" if one.value in ids else one.value for one in card.decisions] == values
    assert ("account" if card.chosen in ids else card.chosen) == chosen
    assert decided([card], {card.field: card.decisions[0].value}) == {card.id: card.decisions[0].value}
    assert decided([card], {}) is None
    assert decided([card], {card.field: str(uuid4())}) is None


def test_a_card_says_what_is_in_the_file() -> None:
    (card,) = export_cards(WORDS, {}, [ready(ANN)], [], NOW)
    assert (card.owner, card.total, card.file) == ("Ann", "1,200 entries", "books.csv")
    assert card.period == "November 14, 2023 to May 28, 2026"
    assert [(kind.name, kind.count, kind.dates) for kind in card.kinds] == [("Books you read", "1,200", "2023–2026")]
    assert not card.warning


def test_it_is_said_that_what_a_complete_file_lacks_is_removed() -> None:
    """Only where there is something that could be removed."""
    (card,) = export_cards(WORDS, {}, [ready(ANN, complete=True)], [known(ANN)], NOW)
    assert "is removed here too: Books you read." in card.warning
    (card,) = export_cards(WORDS, {}, [ready(ANN, complete=True)], [], NOW)
    assert not card.warning


def test_problems_and_interruptions_are_said_and_nothing_can_be_decided() -> None:
    reading = new_export("a.zip", GOODREADS)
    (card,) = export_cards(WORDS, {}, [reading], [], reading.touched)
    assert (card.percent, card.problem, card.decisions) == (0, "", ())
    (card,) = export_cards(WORDS, {}, [reading], [], reading.touched + 2 * SILENCE)
    assert (card.percent, card.decisions) == (None, ())
    assert "stopped before its end" in card.problem
    (card,) = export_cards(WORDS, {}, [new_export("a", None, Broken("It is empty. Try again."))], [], NOW)
    assert (card.problem, card.decisions, decided([card], {})) == ("It is empty. Try again.", (), {})
