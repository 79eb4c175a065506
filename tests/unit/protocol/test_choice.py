"""Tests of what a person chose to share: what it allows, what it covers, and how it is stored."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privateshare.protocol.choice import EVERYTHING, AccountChoice, Choice
from privateshare.protocol.window import Window

ONE, OTHER = UUID(int=1), UUID(int=2)
KINDS = range(6)
kinds = st.sets(st.sampled_from(KINDS)).map(lambda found: tuple(sorted(found)))
account_choices = st.builds(AccountChoice, kinds=kinds, declined=kinds, later=st.booleans())
choices = st.builds(
    Choice,
    accounts=st.none() | st.dictionaries(st.sampled_from([ONE, OTHER]), account_choices),
    since=st.none() | st.integers(-1000, 1000),
)


def test_only_chosen_kinds_of_chosen_accounts_are_shared() -> None:
    """Other accounts and kinds are not shared."""
    choice = Choice(accounts={ONE: AccountChoice(kinds=(1, 2), declined=(3,))})
    assert [kind for kind in KINDS if choice.allows(ONE, kind)] == [1, 2]
    assert not any(choice.allows(OTHER, kind) for kind in KINDS)
    assert all(EVERYTHING.allows(OTHER, kind) for kind in KINDS)


def test_later_kinds_do_not_include_declined_ones() -> None:
    """The option "and what comes later" means kinds that were not offered."""
    choice = AccountChoice(kinds=(1,), declined=(3,), later=True)
    assert [kind for kind in KINDS if choice.allows(kind)] == [0, 1, 2, 4, 5]


def test_adding_an_account_keeps_what_was_declined_of_it() -> None:
    """Kinds that the person left out stay excluded."""
    choice = Choice(accounts={ONE: AccountChoice(kinds=(1,), declined=(3,))}).with_account(ONE, [2, 3])
    assert choice.accounts is not None
    assert choice.accounts[ONE] == AccountChoice(kinds=(1, 2), declined=(3,))
    assert choice.with_account(OTHER, [3]).allows(OTHER, 3)
    assert EVERYTHING.with_account(ONE, [1]) == EVERYTHING


def test_the_chosen_date_is_a_limit_like_others() -> None:
    """An object from before it is not shared."""
    assert Choice(since=5).reach.windows == (Window(5000, None),)
    assert EVERYTHING.reach.windows is None
    assert Choice(since=5).reach.allows_time(None)


@given(choices, choices)
def test_a_choice_covers_another_if_it_shares_everything_of_it(wider: Choice, narrower: Choice) -> None:
    """A running response may continue only if nothing that it sends was excluded."""
    if not wider.covers(narrower, [ONE, OTHER]):
        return
    for account in (ONE, OTHER):
        assert all(wider.allows(account, kind) for kind in (*KINDS, 99) if narrower.allows(account, kind))
    assert wider.since is None or (narrower.since is not None and narrower.since >= wider.since)


@given(choices)
def test_a_choice_survives_its_stored_form(choice: Choice) -> None:
    """Storing and loading returns the same choice."""
    assert Choice.from_json(choice.to_json()) == choice
    assert choice.covers(choice, [ONE, OTHER]) or choice.accounts is not None


@pytest.mark.parametrize(
    "stored",
    [
        {"accounts": []},
        {"accounts": {"x": {}}},
        {"since": "x"},
        {"only": 1},
        {"accounts": {str(ONE): {"all": True}}},
        [],
        None,
    ],
)
def test_an_unknown_limit_is_rejected(stored: object) -> None:
    """This version could not apply it."""
    with pytest.raises(ValueError, match="validation error"):
        Choice.from_json(stored)
