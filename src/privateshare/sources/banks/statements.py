"""A reader for uploads of bank statements: a single one, or a zip archive of several."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain, islice
from typing import BinaryIO

from privateshare.sources.archive import UploadedFile, opened_upload
from privateshare.sources.banks.booking import BankAccount, Booking
from privateshare.sources.banks.identity import BookingIds
from privateshare.sources.banks.reasons import (
    NO_DATE,
    NOT_STATEMENTS,
    UNREADABLE,
    Problem,
    UnreadableStatement,
    problem_message,
)
from privateshare.sources.banks.recognition import format_of, read_statement
from privateshare.sources.failures import THE_FILE, Broken, LeftOut, Reason, shown_name

SPREADSHEET_FOLDER = "xl/"  # Spreadsheets are zip archives with this folder.


@dataclass(frozen=True, slots=True)
class NumberedBooking:
    """A booking with its day and its id among those of its account."""

    booking: Booking
    day: date
    id: str

    @property
    def account(self) -> BankAccount:
        """The account of the booking."""
        return self.booking.account


def read_upload(archive: BinaryIO, left_out: LeftOut, today: date, object_type: int) -> Iterator[NumberedBooking]:
    """Read every booking of every statement of an upload.

    Args:
        archive: The upload.
        left_out: The report to which skipped entries are added. An unreadable statement does not affect the others.
        today: The current day.
        object_type: The object type of the bookings.

    Raises:
        Broken: The upload is empty or damaged, or less than half of it can be read.
    """
    with opened_upload(archive, left_out, keep_small_files=True) as files:
        first_two = list(islice(files, 2))
        ids = BookingIds(several_files=len(first_two) > 1)
        for file in chain(first_two, files):
            if file.path.startswith(SPREADSHEET_FOLDER):
                raise problem_message(Problem.IS_SPREADSHEET, THE_FILE)
            yield from _read_one(file, ids, left_out, today, object_type)
    lost = sum(number for reason, number in left_out.by_reason().items() if reason.code in UNREADABLE)
    if lost > left_out.read or not left_out.read:
        nothing = Broken("The file holds no transactions. Choose a longer period at your bank.")
        left_out.check(next(iter(left_out.unused.values()), nothing))


def _read_one(
    file: UploadedFile, ids: BookingIds, left_out: LeftOut, today: date, object_type: int
) -> Iterator[NumberedBooking]:
    ids.next_file()
    name = shown_name(file.path)
    try:
        kind = format_of(file)
        for found in read_statement(file, today):
            day = None if isinstance(found, Reason) else found.day
            if isinstance(found, Reason):
                left_out.leave_out(found, object_type)
            elif day is None:
                left_out.leave_out(NO_DATE, object_type)
            else:
                left_out.read += 1
                yield NumberedBooking(found, day, ids.id_of(found, day, str(kind)))
    except UnreadableStatement as error:
        if error.problem in NOT_STATEMENTS:
            left_out.name_unused(name, problem_message(error.problem, name))
        else:
            left_out.name_damaged(name, problem_message(error.problem, name))
