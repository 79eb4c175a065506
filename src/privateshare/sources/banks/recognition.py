"""Detection of the format of a bank statement by its content."""

from collections.abc import Iterator
from datetime import date
from enum import StrEnum

from privateshare.sources.archive import UploadedFile
from privateshare.sources.banks.booking import Booking
from privateshare.sources.banks.camt import is_camt, read_camt
from privateshare.sources.banks.csv_bookings import is_csv, read_csv
from privateshare.sources.banks.mt940 import is_mt940, read_mt940
from privateshare.sources.banks.ofx import is_ofx, read_ofx
from privateshare.sources.banks.qif import is_qif, read_qif
from privateshare.sources.banks.reasons import Problem, UnreadableStatement
from privateshare.sources.banks.text import encoding_of, text_start
from privateshare.sources.failures import Reason

START_CHARACTERS = 64 * 1024


_OTHER_KINDS = ((b"%PDF", Problem.IS_PDF), (b"\xd0\xcf\x11\xe0", Problem.IS_SPREADSHEET))


class StatementFormat(StrEnum):
    """The formats that banks offer to people."""

    OFX = "OFX"
    CAMT = "CAMT"
    MT940 = "MT940"
    QIF = "QIF"
    CSV = "CSV"


def format_of(file: UploadedFile) -> StatementFormat | None:
    """Return the format of a file, regardless of its name; None if it is not a bank statement."""
    with file.open() as stream:
        if stream.read(8).startswith(tuple(magic for magic, _ in _OTHER_KINDS)):
            return None
    start = text_start(file, encoding_of(file), START_CHARACTERS)
    if is_camt(start):
        return StatementFormat.CAMT
    if is_ofx(start):
        return StatementFormat.OFX
    if is_qif(start):
        return StatementFormat.QIF
    if is_mt940(start):
        return StatementFormat.MT940
    return StatementFormat.CSV if not start.lstrip().startswith(("<", "{")) and is_csv(file) else None


def read_statement(file: UploadedFile, today: date) -> Iterator[Booking | Reason]:
    """Read every transaction of a statement in any of the formats.

    Args:
        file: The statement.
        today: The current day. Bookings are not far after it.

    Raises:
        UnreadableStatement: The file has none of the formats, is damaged, or is ambiguous.
    """
    kind = format_of(file)
    if kind is StatementFormat.OFX:
        return read_ofx(file)
    if kind is StatementFormat.CAMT:
        return read_camt(file)
    if kind is StatementFormat.MT940:
        return read_mt940(file)
    if kind is StatementFormat.QIF:
        return read_qif(file, today)
    if kind is StatementFormat.CSV:
        return read_csv(file, today)
    raise UnreadableStatement(_why_not(file))


def _why_not(file: UploadedFile) -> Problem:
    with file.open() as stream:
        start = stream.read(8)
    return next((why for magic, why in _OTHER_KINDS if start.startswith(magic)), Problem.NOT_A_STATEMENT)
