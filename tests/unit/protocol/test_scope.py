"""Protocol 5.2: what may be read, and of which times."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privateshare.errors import InvalidRequest, ScopeOutOfBounds
from privateshare.protocol.contract_document import parse_document
from privateshare.protocol.messages import Scope, TimeRange
from privateshare.protocol.scope import (
    ObjectKind,
    Reach,
    allows,
    reach_of_contract,
    reach_of_scope,
    start_of_last,
    window,
)
from privateshare.protocol.window import Window, hull

pytestmark = pytest.mark.protocol("5.2")

NOW = datetime(2026, 3, 31, 15, 30, 12, tzinfo=UTC)
SPOTIFY_HISTORY = ObjectKind(5, 19, 406)


def milliseconds(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("last", "start"),
    [
        ("1h", datetime(2026, 3, 31, 14, 30, 12, tzinfo=UTC)),
        ("1d", datetime(2026, 3, 31, tzinfo=UTC)),
        ("7d", datetime(2026, 3, 25, tzinfo=UTC)),
        ("1m", datetime(2026, 2, 28, 15, 30, 12, tzinfo=UTC)),
        ("12m", datetime(2025, 3, 31, 15, 30, 12, tzinfo=UTC)),
        ("1y", datetime(2025, 3, 31, 15, 30, 12, tzinfo=UTC)),
    ],
)
def test_last_counts_back_from_now(last: str, start: datetime) -> None:
    """Protocol 5.2: months and years exactly, and today counts as one day."""
    assert start_of_last(last, NOW) == start


def test_a_year_before_a_leap_day() -> None:
    """One year before 29 February is 28 February."""
    assert start_of_last("1y", datetime(2024, 2, 29, tzinfo=UTC)) == datetime(2023, 2, 28, tzinfo=UTC)


@pytest.mark.parametrize("last", ["", "12", "m", "0d", "-1d", "1w", "1 d", "1d\n", "99999y", "१d"])
def test_a_malformed_last_is_rejected(last: str) -> None:
    """The message shows the expected form."""
    with pytest.raises(InvalidRequest, match="last"):
        start_of_last(last, NOW)


def test_from_and_to_are_seconds_and_include_the_last_second() -> None:
    """An object at 999 ms of the second `to` is inside."""
    assert window(TimeRange(from_=10, to=20), NOW) == Window(10_000, 20_999)


def test_several_bounds_of_a_range_are_intersected() -> None:
    """Protocol 5.2: `last`, `from` and `to` all apply."""
    begin = start_of_last("1d", NOW)
    seconds = int(begin.timestamp())
    assert window(TimeRange(last="1d", to=seconds + 60), NOW) == Window(seconds * 1000, seconds * 1000 + 60_999)
    assert window(TimeRange(last="1d", from_=seconds + 60), NOW).start == (seconds + 60) * 1000
    assert window(TimeRange(last="1d", from_=0), NOW).start == seconds * 1000
    with pytest.raises(InvalidRequest, match="before"):
        window(TimeRange(last="1d", to=1), NOW)


def test_an_end_before_the_start_is_rejected() -> None:
    """Such a range would silently read nothing."""
    with pytest.raises(InvalidRequest, match="before"):
        window(TimeRange(from_=20, to=10), NOW)


def contract_reach(data_request: dict[str, Any]) -> Reach:
    return reach_of_contract(parse_document({"dataRequest": data_request}), NOW)


def test_a_group_without_service_types_is_the_whole_group() -> None:
    """A contract without groups allows nothing."""
    assert contract_reach({"serviceGroups": [{"id": 5}]}).allows_kind(SPOTIFY_HISTORY)
    assert not contract_reach({"serviceGroups": [{"id": 2}]}).allows_kind(SPOTIFY_HISTORY)
    assert not contract_reach({}).allows_kind(SPOTIFY_HISTORY)


def test_a_scope_must_lie_inside_the_contract() -> None:
    """Protocol 5.2: a scope narrows and never widens. The message names what exceeds the contract."""
    contract = contract_reach(
        {"serviceGroups": [{"id": 5, "serviceTypes": [{"id": 19}]}], "timeRanges": [{"last": "12m"}]}
    )
    inside = {"serviceGroups": [{"id": 5, "serviceTypes": [{"id": 19, "serviceObjectTypes": [{"id": 406}]}]}]}
    contract.check_contains(reach_of_scope(Scope.model_validate(inside), NOW))
    contract.check_contains(reach_of_scope(Scope.model_validate({"timeRanges": [{"last": "3m"}]}), NOW))
    contract.check_contains(reach_of_scope(None, NOW))
    wider: list[dict[str, Any]] = [
        {"serviceGroups": [{"id": 5}]},
        {"serviceGroups": [{"id": 2}]},
        {"timeRanges": [{"last": "13m"}]},
        {"timeRanges": [{"to": 1}]},
        {"timeRanges": [{}]},
    ]
    for outside in wider:
        with pytest.raises(ScopeOutOfBounds):
            contract.check_contains(reach_of_scope(Scope.model_validate(outside), NOW))


def test_every_layer_must_allow_an_object() -> None:
    """Contract, consent and session are intersected, object by object."""
    contract = Reach(kinds=(ObjectKind(5),), windows=(Window(start=100),))
    session = Reach(windows=(Window(end=200),))
    for start, end, allowed in (
        (150, 150, True),
        (100, 200, True),
        (99, 99, False),
        (99, 150, False),
        (150, 201, False),
    ):
        assert allows([contract, session], SPOTIFY_HISTORY, Window(start, end)) == allowed
    assert not allows([contract, session], SPOTIFY_HISTORY, Window(150, None))
    assert not allows([contract, session], ObjectKind(2, 1, 1), Window(150, 150))
    assert allows([contract, session], SPOTIFY_HISTORY, None)


ends = st.none() | st.integers(-50, 50)
windows = st.builds(Window, ends, ends).filter(lambda w: w.start is None or w.end is None or w.start <= w.end)


@given(windows, windows, st.integers(-60, 60))
def test_windows_contain_and_touch_by_their_moments(outer: Window, inner: Window, moment: int) -> None:
    """A moment of a contained window lies in the outer one, and windows with a common moment touch."""
    point = Window(moment, moment)
    if outer.contains(inner) and inner.contains(point):
        assert outer.contains(point)
    if outer.contains(point) and inner.contains(point):
        assert outer.touches(inner)
        assert inner.touches(outer)


@given(st.lists(windows, min_size=1, max_size=4), windows)
def test_a_hull_is_the_shortest_window_that_contains_all(some: list[Window], other: Window) -> None:
    """It contains each, and a window that contains each contains it."""
    shortest = hull(some)
    assert shortest is not None
    assert all(shortest.contains(one) for one in some)
    assert other.contains(shortest) == all(other.contains(one) for one in some)


def test_the_hull_of_nothing_is_none() -> None:
    """There is no window without a moment."""
    assert hull([]) is None
