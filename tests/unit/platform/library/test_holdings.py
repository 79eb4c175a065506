"""Tests of what a person is told that an app would get of their accounts."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import orjson
import pytest
from tests.unit.platform.library.stored_files import observation, stored

from privateshare.platform.blobs.cloud import CloudBlobs
from privateshare.platform.db.tables import FileRow
from privateshare.platform.keys.wrapping import new_data_key
from privateshare.platform.library import holdings
from privateshare.platform.library.delivery import ReadPermission
from privateshare.platform.library.holdings import AccountHoldings, Holding, count_holdings
from privateshare.platform.library.libraries import FILE_DATES, OpenLibrary
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.protocol.choice import EVERYTHING
from privateshare.protocol.messages import Compression
from privateshare.protocol.scope import ObjectKind, Reach
from privateshare.protocol.window import Window
from privateshare.sources.contract import JsonObject

ACCOUNT, OTHER = uuid4(), uuid4()
LIBRARY = OpenLibrary(uuid4(), new_data_key(), {ACCOUNT: b"its key", OTHER: b"another"})
JANUARY = Window(1_767_225_600_000, 1_769_903_999_999)  # This is January 2026.
DAYS = [
    observation(1, effectiveDateTime="2025-12-24", code={"text": "Weight"}),
    observation(2, effectiveDateTime="2026-01-03", code={"text": "Height"}),
    observation(3, effectiveDateTime="2026-01-05", code={"text": "Pulse"}),
    observation(4, effectivePeriod={"start": "2026-01-20", "end": "2026-02-03"}),
]


@pytest.fixture
def mapped_files() -> MappedFiles:
    return MappedFiles(CloudBlobs("memory:///"), LIBRARY)


def newest_first(mapped_files: MappedFiles, things: list[JsonObject]) -> list[FileRow]:
    return stored(mapped_files, ACCOUNT, things)[::-1]


def within(*limits: Reach) -> ReadPermission:
    return ReadPermission((Reach(), *limits), EVERYTHING, Compression.NONE)


def counted(mapped_files: MappedFiles, files: list[FileRow], *limits: Reach) -> Holding:
    """Return what there is of the only kind of the only account."""
    (account,) = count_holdings(mapped_files, files, within(*limits)).values()
    assert account.is_whole
    return account.kinds[ObjectType.OBSERVATION]


def day(*date: int) -> datetime:
    return datetime(*date, tzinfo=UTC)  # type: ignore[arg-type, misc]  # A date has three numbers.


def test_everything_is_counted_with_its_dates_and_the_newest_as_examples(mapped_files: MappedFiles) -> None:
    """The examples are three, of the newest file first."""
    found = counted(mapped_files, newest_first(mapped_files, DAYS))
    assert (found.total, found.count, found.at_most) == (4, 4, False)
    assert (found.first, found.last) == (day(2025, 12, 24), datetime(2026, 2, 3, 23, 59, 59, 999000, UTC))
    assert [line.text for line in found.examples] == ["", "Pulse", "Height"]


def test_only_what_lies_within_the_limits_is_counted(mapped_files: MappedFiles) -> None:
    """The total counts all. The dates are no wider than each of the limits, and one that is open changes nothing."""
    files = newest_first(mapped_files, DAYS)
    found = counted(mapped_files, files, Reach(windows=(JANUARY,)), Reach(windows=(Window(0, None),)))
    assert (found.total, found.count) == (4, 2)
    assert (found.first, found.last) == (day(2026, 1, 3), datetime(2026, 1, 31, 23, 59, 59, 999000, UTC))
    assert [line.text for line in found.examples] == ["Pulse", "Height"]
    narrower = Reach(windows=(Window(JANUARY.start, JANUARY.start), Window(JANUARY.start, 1_767_600_000_000)))
    assert counted(mapped_files, files, Reach(windows=(JANUARY,)), narrower).count == 1


def test_what_is_out_of_reach_is_not_opened(mapped_files: MappedFiles) -> None:
    """Objects of other times are only in the total, and those of other kinds are not even there."""
    files = newest_first(mapped_files, DAYS)
    for file in files:
        mapped_files.blobs.delete([file.blob])
    assert counted(mapped_files, files, Reach(windows=(Window(0, 1),))) == Holding(total=4)
    other_kinds = Reach(kinds=(ObjectKind(ServiceGroup.ENTERTAINMENT, None, None),))
    assert count_holdings(mapped_files, files, within(other_kinds)) == {}


def test_a_file_whose_objects_all_lie_outside_adds_nothing(mapped_files: MappedFiles) -> None:
    """Its dates touch the limit, and none of its objects lies within it."""
    files = newest_first(mapped_files, DAYS[3:])
    found = counted(mapped_files, files, Reach(windows=(JANUARY,)))
    assert found == Holding(total=1)


@pytest.mark.parametrize("limit", [Reach(), Reach(windows=(JANUARY,))])
def test_an_account_whose_files_cannot_be_read_is_not_whole(mapped_files: MappedFiles, limit: Reach) -> None:
    """The other account is counted, whether a blob is lost, or the key, or the key is a wrong one."""
    files = [*stored(mapped_files, OTHER, DAYS[1:2]), *stored(mapped_files, ACCOUNT, DAYS[1:3])]

    def are_whole(library: OpenLibrary) -> dict[object, bool]:
        found = count_holdings(MappedFiles(mapped_files.blobs, library), files, within(limit))
        assert found[ACCOUNT].kinds[ObjectType.OBSERVATION].count == 2
        return {account: one.is_whole for account, one in found.items()}

    assert are_whole(LIBRARY) == {ACCOUNT: True, OTHER: True}
    assert are_whole(replace(LIBRARY, lost_accounts=frozenset({OTHER}))) == {ACCOUNT: True, OTHER: False}
    wrong = replace(LIBRARY, account_keys={ACCOUNT: b"its key", OTHER: b"of somebody else"})
    assert are_whole(wrong) == {ACCOUNT: True, OTHER: False}
    mapped_files.blobs.delete([files[0].blob])
    assert are_whole(LIBRARY) == {ACCOUNT: True, OTHER: False}


def test_of_very_much_only_the_newest_is_parsed(mapped_files: MappedFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is counted whole, which may be too much, and is told so."""
    files = newest_first(mapped_files, [*DAYS[:3], observation(5, effectivePeriod={"start": "2025-12-31"})])
    monkeypatch.setattr(holdings, "MAX_PARSED_BYTES", files[0].size)
    found = counted(mapped_files, files, Reach(windows=(Window(JANUARY.start, None),)))
    assert (found.total, found.count, found.at_most) == (4, 4, True)
    assert [line.text for line in found.examples] == ["Pulse", "Height"]


@pytest.mark.parametrize("dates", [{}, {"effectiveDateTime": "once"}, {"effectivePeriod": {"start": "2026-01-20"}}])
def test_what_has_no_dates_is_counted_without(mapped_files: MappedFiles, dates: JsonObject) -> None:
    """Nothing is said of its time if it is unknown or open."""
    files = newest_first(mapped_files, [observation(1, **dates)])
    found = counted(mapped_files, files)
    assert (found.count, found.first, found.last) == (1, None, None)


def test_a_limit_that_no_calendar_has_is_no_error(mapped_files: MappedFiles) -> None:
    """Dates come from files of strangers, and limits from contracts."""
    files = newest_first(mapped_files, DAYS[:1])
    found = counted(mapped_files, files, Reach(windows=(Window(None, 10**18),)))
    assert found.first == day(2025, 12, 24)
    (file,) = files
    dates = orjson.dumps([10**18, 10**18])
    file.sealed_dates = LIBRARY.account(ACCOUNT).seal(FILE_DATES, file.blob, dates)
    assert counted(mapped_files, files).first is None


def test_emptied_files_are_left_out(mapped_files: MappedFiles) -> None:
    """An account whose objects were all deleted has nothing to show."""
    (file,) = newest_first(mapped_files, DAYS[:1])
    file.object_count = 0
    assert count_holdings(mapped_files, [file], within()) == {}
    assert AccountHoldings() == AccountHoldings({}, is_whole=True, failed=frozenset())
