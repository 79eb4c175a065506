"""Limits of reading by object type and time. Protocol 5.2.

A contract, a consent and a session each have a `Reach`. An object may be read if all three allow it.
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
class ObjectKind:
    """A set of objects: those of a service group, of one service type in it, or of one object type."""

    group: int
    service_type: int | None = None
    object_type: int | None = None

    def contains(self, other: "ObjectKind") -> bool:
        """Return whether all objects of `other` are in this set."""
        return (
            self.group == other.group
            and self.service_type in (None, other.service_type)
            and self.object_type in (None, other.object_type)
        )


@dataclass(frozen=True, slots=True)
class Reach:
    """The object types and times that a contract, a consent or a session allows; None means no limit."""

    kinds: tuple[ObjectKind, ...] | None = None
    windows: tuple[Window, ...] | None = None

    def allows_kind(self, kind: ObjectKind) -> bool:
        """Return whether objects of this kind may be read."""
        return self.kinds is None or any(allowed.contains(kind) for allowed in self.kinds)

    def allows_time(self, when: Window | None) -> bool:
        """Return whether an object with this time window may be read. An object without a date always may."""
        return when is None or self.covers(when)

    def covers(self, window: Window) -> bool:
        """Return whether everything in this window may be read."""
        return self.windows is None or any(allowed.contains(window) for allowed in self.windows)

    def touches(self, window: Window) -> bool:
        """Return whether anything in this window may be read."""
        return self.windows is None or any(allowed.touches(window) for allowed in self.windows)

    def check_contains(self, inner: "Reach") -> None:
        """Check that `inner` allows nothing that this does not allow. Protocol 5.2.

        Raises:
            ScopeOutOfBounds: `inner` allows more.
        """
        for kind in inner.kinds or ():
            if not self.allows_kind(kind):
                raise ScopeOutOfBounds(f"The scope asks for {_description(kind)}, which the contract does not allow")
        for window in inner.windows or ():
            if not self.covers(window):
                raise ScopeOutOfBounds("The scope asks for a time range that the contract does not allow")


def _description(kind: ObjectKind) -> str:
    parts = [f"service group {kind.group}"]
    if kind.service_type is not None:
        parts.append(f"service type {kind.service_type}")
    if kind.object_type is not None:
        parts.append(f"object type {kind.object_type}")
    return ", ".join(parts)


def allows(reaches: Iterable[Reach], kind: ObjectKind, when: Window | None) -> bool:
    """Return whether every reach allows an object of this kind and time."""
    return all(reach.allows_kind(kind) and reach.allows_time(when) for reach in reaches)


def reach_of_scope(scope: Scope | None, now: datetime) -> Reach:
    """Compute what a session's scope allows, with `last` counted back from `now`.

    Raises:
        InvalidRequest: A time range is invalid; the message names it.
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


def _kinds(groups: Sequence[ServiceGroupScope]) -> tuple[ObjectKind, ...]:
    return tuple(kind for group in groups for kind in _kinds_of_group(group))


def _kinds_of_group(group: ServiceGroupScope) -> Iterable[ObjectKind]:
    if not group.service_types:
        yield ObjectKind(group.id)
    for service in group.service_types or ():
        if not service.service_object_types:
            yield ObjectKind(group.id, service.id)
        for object_type in service.service_object_types or ():
            yield ObjectKind(group.id, service.id, object_type.id)


def window(time_range: TimeRange, now: datetime) -> Window:
    """Convert a time range to a window. Protocol 5.2.

    If a range has several bounds (`from_`, `to`, and `last` counted back from `now`), the window is within all of them.

    Raises:
        InvalidRequest: `last` is not a number with h, d, m or y, or the end is before the start.
    """
    starts = [] if time_range.from_ is None else [time_range.from_ * MILLISECONDS]
    if time_range.last is not None:
        starts.append(_milliseconds(start_of_last(time_range.last, now)))
    start = max(starts, default=None)
    # `to` includes the whole second.
    end = None if time_range.to is None else time_range.to * MILLISECONDS + MILLISECONDS - 1
    if start is not None and end is not None and end < start:
        raise InvalidRequest("timeRanges: to is before from or last")
    return Window(start, end)


def start_of_last(last: str, now: datetime) -> datetime:
    """Return the start of the last n hours, days, months or years before `now`. Protocol 5.2.

    Raises:
        InvalidRequest: The text is not a number with h, d, m or y.
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
