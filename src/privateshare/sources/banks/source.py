"""The sources for bank statements: samples, or files that a person downloads from any bank."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import BinaryIO

from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType
from privateshare.sources.banks.csv_words import header_row
from privateshare.sources.banks.identity import account_key, account_name
from privateshare.sources.banks.mapping import transaction
from privateshare.sources.banks.sample import sample_bookings
from privateshare.sources.banks.statements import NumberedBooking, read_upload
from privateshare.sources.contract import (
    Brand,
    Connection,
    FileMark,
    Identity,
    JsonObject,
    ObjectSchema,
    OwnedPages,
    Page,
    Sample,
    SourceInfo,
    Upload,
)
from privateshare.sources.failures import LeftOut
from privateshare.sources.page_building import OwnedObjects, owned_pages, owner_at_end, pages

STATEMENTS = "statements"  # All bank statements of a person belong to one account of the library.

_TABLES = r"\.(csv|tsv|tab|txt)$|^$"
# A first line with a day and an amount, in a table without headers.
_FIRST_ROW = (
    r"\A(?:[^\n]*[;,\t|])?[\"']?"
    r"(?:\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./-]?\d\d[./-]?\d\d)(?:[ T][\d:]+)?[\"']?[;,\t|]"
    r"[^\n]*(?<=[;,\t|])[\"' ]*[+-]?(?:[A-Z£€$]{1,3} ?)?\d[\d.,' ]*[.,]\d\d[+-]?[\"']?\s*(?:[;,\t|\r\n]|\Z)"
)
_UPLOAD = Upload(
    accept=".csv,.xml,.ofx,.qfx,.qif,.sta,.940,.942,.mt940,.txt,.tab,.zip",
    marks=(
        # A message may contain words of these formats, but it does not begin like them.
        FileMark(r"\A[\s\ufeff]*((?i:OFXHEADER\b|<OFX>)|!Type:(Bank|CCard|Cash|Oth))|(?m:^:60[FM]:)"),
        FileMark(
            r"(?s)\A[\s\ufeff]*<(\?xml\b|\?OFX\b|OFX>|!--|Document\b|\w+:Document\b).*"
            r"(OFXHEADER|<OFX>|<(\w+:)?BkToCstmr|camt\.05[234])"
        ),
        FileMark(header_row(), _TABLES, is_weak=True, ignores_accents=True),
        FileMark(_FIRST_ROW, _TABLES, is_weak=True),
    ),
    alike="banks",
    instructions=(
        "Sign in at your bank in a browser and open the list of transactions.",
        "Look for “Download” or “Export”, and choose CAMT, MT940, OFX or CSV and as long a period as there is.",
        "Choose the file here as you received it. A zip file may hold the statements of several accounts and banks.",
    ),
)
# The drawing is a house with columns.
_BRAND = Brand("#24507f", "M12 3 3 8v2h18V8ZM5 11.5v6h2.5v-6Zm5.75 0v6h2.5v-6Zm5.75 0v6H19v-6ZM3 19v2h18v-2Z")
_SAMPLES = (
    Sample("default", "A household", "A year and a half of one household's current account and credit card."),
    Sample("large", "Ten years", "Ten years of the same household's accounts."),
)


class BankStatements:
    """A source for bank statements.

    There are several, with the service types for which contracts request transactions.
    """

    reads_once = True

    def __init__(self, source_id: int, service_type: ServiceType) -> None:
        self.info = SourceInfo(
            id=source_id,
            service_type=service_type,
            service_group=ServiceGroup.FINANCE,
            object_types=(ObjectType.TRANSACTION,),
            schema=ObjectSchema("digime", "1.0.0"),
            samples=_SAMPLES,
            upload=_UPLOAD,
            brand=_BRAND,
        )

    def identify(self, connection: Connection) -> Identity:
        """Return the account. An upload is read completely.

        Raises:
            Broken: No transaction in it can be read.
        """
        if connection.archive is None:
            return Identity(f"sampleDataSet-{connection.sample}", f"Sample: {connection.sample}", "BANK")
        return owner_at_end(self._owned(connection.archive, connection.left_out))

    def read_once(self, connection: Connection) -> OwnedPages:
        """Yield the transactions of an upload, and return the account. Raises Broken."""
        assert connection.archive is not None
        return owned_pages(self._owned(connection.archive, connection.left_out))

    def _owned(self, archive: BinaryIO, left_out: LeftOut) -> OwnedObjects:
        names: dict[str, str] = {}
        for found in self._uploaded(archive, left_out):
            account = account_key(found.account)
            names.setdefault(account, account_name(found.account))
            yield ObjectType.TRANSACTION, self._transaction(found, account)
        return Identity(STATEMENTS, ", ".join(names.values()), "BANK", named=False)

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        """Yield all transactions. Unreadable ones are skipped and counted.

        Raises:
            Broken: The upload is damaged.
        """
        if ObjectType.TRANSACTION not in cursors:
            return iter(())
        return pages((ObjectType.TRANSACTION, thing) for thing in self._transactions(connection))

    def _transactions(self, connection: Connection) -> Iterator[JsonObject]:
        if connection.sample is not None:
            for found in sample_bookings(connection.sample, datetime.now(UTC).date()):
                yield self._transaction(found, f"sampleDataSet-{connection.sample}")
        elif connection.archive is not None:
            for found in self._uploaded(connection.archive, connection.left_out):
                yield self._transaction(found, account_key(found.account))

    def _uploaded(self, archive: BinaryIO, left_out: LeftOut) -> Iterator[NumberedBooking]:
        return read_upload(archive, left_out, datetime.now(UTC).date(), ObjectType.TRANSACTION)

    def _transaction(self, found: NumberedBooking, account: str) -> JsonObject:
        return transaction(found.booking, found.day, found.id, f"{self.info.service_type}_{account}")


# Contracts request transactions with several service types. Bank statements can serve each of them.
SOURCES = (
    BankStatements(348, ServiceType.YODLEE),
    BankStatements(422, ServiceType.SALT_EDGE_PARTNER),
    BankStatements(423, ServiceType.SALT_EDGE_PARTNER),
    BankStatements(428, ServiceType.SALT_EDGE_DIRECT),
    BankStatements(429, ServiceType.SALT_EDGE_DIRECT),
)
