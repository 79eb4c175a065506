"""What may be read: which object types and which times. Protocol 5.2.

A contract, a consent and a session each give a `Reach`; what is read is what all of them contain.
"""

import re
from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from privateshare.errors import InvalidRequest, ScopeOutOfBounds
from privateshare.protocol.contract_document import ContractDocument
from privateshare.protocol.messages import Scope, ServiceGroupScope, TimeRange
from privateshare.protocol.window import Window

_LAST = re.compile(r"([1-9][0-9]{0,4})([hdmy])")
MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class Kind:
    """Which objects: a service group, or one service type of it, or one object type of that."""

    group: int
    service_type: int | None = None
    object_type: int | None = None

    def contains(self, other: "Kind") -> bool:
        """Whether all of `other` lies in this."""
        return (
            self.group == other.group
            and self.service_type in (None, other.service_type)
            and self.object_type in (None, other.object_type)
        )


@dataclass(frozen=True, slots=True)
class Reach:
    """What one layer (contract, consent or session) lets through; None means that it sets no bound."""

    kinds: tuple[Kind, ...] | None = None
    windows: tuple[Window, ...] | None = None

    def allows_kind(self, kind: Kind) -> bool:
        """Whether objects of this kind may be read."""
        return self.kinds is None or any(allowed.contains(kind) for allowed in self.kinds)

    def allows_time(self, when: Window | None) -> bool:
        """Whether an object of this time may be read: one without a date always, else if all of it is inside."""
        return when is None or self.covers(when)

    def covers(self, window: Window) -> bool:
        """Whether everything in this stretch of time may be read."""
        return self.windows is None or any(allowed.contains(window) for allowed in self.windows)

    def touches(self, window: Window) -> bool:
        """Whether anything in this stretch of time may be read."""
        return self.windows is None or any(allowed.touches(window) for allowed in self.windows)

    def check_contains(self, inner: "Reach") -> None:
        """Raises ScopeOutOfBounds if `inner` reaches outside this. Protocol 5.2."""
        for kind in inner.kinds or ():
            if not self.allows_kind(kind):
                raise ScopeOutOfBounds(f"The scope asks for {_told(kind)}, which the contract does not allow")
        for window in inner.windows or ():
            if not self.covers(window):
                raise ScopeOutOfBounds("The scope asks for a time range that the contract does not allow")


def _told(kind: Kind) -> str:
    parts = [f"service group {kind.group}"]
    if kind.service_type is not None:
        parts.append(f"service type {kind.service_type}")
    if kind.object_type is not None:
        parts.append(f"object type {kind.object_type}")
    return ", ".join(parts)


def allows(reaches: Iterable[Reach], kind: Kind, when: Window | None) -> bool:
    """Whether every layer lets an object of this kind and time through."""
    return all(reach.allows_kind(kind) and reach.allows_time(when) for reach in reaches)


def reach_of_scope(scope: Scope | None, now: datetime) -> Reach:
    """The reach of a session's scope, `last` counted back from `now`.

    Raises InvalidRequest for a time range that makes no sense, naming it.
    """
    if scope is None:
        return Reach()
    return Reach(
        kinds=_kinds(scope.service_groups) if scope.service_groups else None,
        windows=tuple(window(item, now) for item in scope.time_ranges) if scope.time_ranges else None,
    )


def reach_of_contract(document: ContractDocument, now: datetime) -> Reach:
    """Compute what a contract document allows. One without service groups allows nothing."""
    asked = document.reading
    unbounded = not asked.time_ranges or any(item.is_everything for item in asked.time_ranges)
    windows = None if unbounded else tuple(window(item, now) for item in asked.time_ranges)
    return Reach(kinds=_kinds(asked.service_groups), windows=windows)


def _kinds(groups: Sequence[ServiceGroupScope]) -> tuple[Kind, ...]:
    return tuple(kind for group in groups for kind in _kinds_of_group(group))


def _kinds_of_group(group: ServiceGroupScope) -> Iterable[Kind]:
    if not group.service_types:
        yield Kind(group.id)
    for service in group.service_types or ():
        if not service.service_object_types:
            yield Kind(group.id, service.id)
        for object_type in service.service_object_types or ():
            yield Kind(group.id, service.id, object_type.id)


def window(time_range: TimeRange, now: datetime) -> Window:
    """The stretch of a time range: `from_` and `to` in seconds, `last` counted back from `now`. Protocol 5.2.

    Of one that says several of them it is what lies within all.

    Raises InvalidRequest if `last` has another form than a number and h, d, m or y, or the end is before the start.
    """
    starts = [] if time_range.from_ is None else [time_range.from_ * MILLISECONDS]
    if time_range.last is not None:
        starts.append(_milliseconds(start_of_last(time_range.last, now)))
    start = max(starts, default=None)
    end = None if time_range.to is None else time_range.to * MILLISECONDS + MILLISECONDS - 1  # the whole second
    if start is not None and end is not None and end < start:
        raise InvalidRequest("timeRanges: to is before from or last")
    return Window(start, end)


def start_of_last(last: str, now: datetime) -> datetime:
    """The moment where the last n hours, days, months or years begin. Protocol 5.2.

    Raises InvalidRequest if the text has another form.
    """
    match = _LAST.fullmatch(last)
    if match is None:
        raise InvalidRequest(f"timeRanges: last is {last!r}, and must be a number and one of h, d, m, y, such as 12m")
    count, unit = int(match[1]), match[2]
    try:
        if unit == "h":
            return now - timedelta(hours=count)
        if unit == "d":
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
            return midnight - timedelta(days=count - 1)
        return _months_before(now, count * 12 if unit == "y" else count)
    except (OverflowError, ValueError) as error:
        raise InvalidRequest(f"timeRanges: last is {last!r}, which begins before the year 1") from error


def _months_before(now: datetime, months: int) -> datetime:
    year, month_index = divmod(now.year * 12 + now.month - 1 - months, 12)
    last_day = monthrange(year, month_index + 1)[1]
    return now.replace(year=year, month=month_index + 1, day=min(now.day, last_day))


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * MILLISECONDS)
