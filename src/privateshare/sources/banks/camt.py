"""A parser for all versions of ISO 20022 CAMT.052, 053 and 054, which use the same elements in different structures."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import IO

from lxml import etree

from privateshare.sources.archive import UploadedFile
from privateshare.sources.banks.booking import POSTED, SCHEDULED, BankAccount, Booking
from privateshare.sources.banks.reasons import (
    IS_INFORMATION,
    IS_PENDING,
    NO_AMOUNT,
    NO_DATE,
    NO_DIRECTION,
    Problem,
    UnreadableStatement,
)
from privateshare.sources.failures import Reason

MESSAGES = frozenset({"BkToCstmrStmt", "BkToCstmrAcctRpt", "BkToCstmrDbtCdtNtfctn"})
MAX_ENTRY_BYTES = 16 * 1024 * 1024  # An entry can contain thousands of payments.
REMITTANCE = "RmtInf/Ustrd"
MAX_DETAILS = 20  # The texts of this many payments of an entry are joined.

_STATEMENTS = frozenset({"Stmt", "Rpt", "Ntfctn"})
_NAMESPACE = re.compile(r"urn:(?:iso:std:iso:20022:tech:xsd|swift:xsd:\$?)[:.]?(?:\$)?camt\.05[234]\.001\.\d\d")


def is_camt(start: str) -> bool:
    """Return whether a file is CAMT, by its start."""
    return _NAMESPACE.search(start) is not None or any(f"{message}>" in start for message in MESSAGES)


def read_camt(file: UploadedFile) -> Iterator[Booking | Reason]:
    """Read every entry of every statement, report and notification in the file.

    An entry is one transaction, even if it contains several payments, as in all other formats.

    Raises:
        UnreadableStatement: The file is not XML, or was cut off.
    """
    account, currency, day = BankAccount(), None, _OneDay()
    with file.open() as stream:
        bounded = _EntryLimit(stream)
        try:
            for event, element in etree.iterparse(
                bounded,
                events=("start", "end"),
                tag=[f"{{*}}{name}" for name in (*_STATEMENTS, "Acct", "FrToDt", "Bal", "Ntry")],
                resolve_entities=False,
                no_network=True,
                load_dtd=False,
                dtd_validation=False,
                huge_tree=False,
                remove_comments=True,
                remove_pis=True,
            ):
                name = _local(element)
                if event == "start":
                    if name in _STATEMENTS:
                        account, currency, day = BankAccount(), None, _OneDay()
                elif name == "Acct" and _parent(element) in _STATEMENTS:
                    account, currency = _account(element)
                elif name in ("FrToDt", "Bal") and _parent(element) in _STATEMENTS:
                    day.note(_Fields(element))
                elif name == "Ntry":
                    yield _entry(element, account, currency, day.found)
                    _remove_read_elements(element)
                    bounded.begin()
        except etree.XMLSyntaxError as error:
            raise UnreadableStatement(Problem.NOT_XML) from error


class _EntryLimit:
    """A stream that limits the size of each entry, because an entry is in memory until it is complete."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._bytes = 0

    def begin(self) -> None:
        """Start a new entry."""
        self._bytes = 0

    def read(self, size: int = -1) -> bytes:
        """Read the next bytes.

        Raises:
            UnreadableStatement: The entry is too large.
        """
        data = self._stream.read(size)
        self._bytes += len(data)
        if self._bytes > MAX_ENTRY_BYTES:
            raise UnreadableStatement(Problem.TOO_LONG_LINE)
        return data


def _local(element: etree._Element) -> str:
    return _local_name(element.tag) if isinstance(element.tag, str) else ""


@lru_cache(maxsize=1024)
def _local_name(tag: str) -> str:
    return tag.rpartition("}")[2]


def _parent(element: etree._Element) -> str:
    parent = element.getparent()
    return "" if parent is None else _local(parent)


def _remove_read_elements(element: etree._Element) -> None:
    """Remove an element that was read, and those before it, so that memory does not grow with the file."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


class _Fields:
    """The texts inside an element by their paths, such as "RltdPties/Cdtr/Nm", regardless of namespaces.

    If a path occurs several times, the first text is used, except that the lines of a remittance are joined. Elements
    named `parts_name` are collected in `parts`, without their texts.
    """

    def __init__(self, element: etree._Element, parts_name: str = "") -> None:
        self.parts: list[etree._Element] = []
        self._texts: dict[str, str] = {}
        self._parts_name = parts_name
        self._collect(element, "")

    def _collect(self, element: etree._Element, prefix: str) -> None:
        for child in element:
            name = _local(child)
            path = prefix + name
            if name == self._parts_name:
                self.parts.append(child)
            elif len(child):
                self._collect(child, path + "/")
            elif path == REMITTANCE:
                self._texts[path] = self._texts.get(path, "") + (child.text or "")
            elif text := (child.text or "").strip():
                self._texts.setdefault(path, " ".join(text.split()))
                if name == "Amt" and (currency := child.get("Ccy")):
                    self._texts.setdefault(path + "@Ccy", currency)

    def first(self, *paths: str) -> str:
        """Return the text of the first path that has one."""
        for path in paths:
            if text := self._texts.get(path):
                return text
        return ""


class _OneDay:
    """The day of a statement, if it is of one day: the entries of some banks have no date then."""

    def __init__(self) -> None:
        self._days: set[date] = set()

    def note(self, fields: _Fields) -> None:
        """Note the days of a period, or of a balance."""
        days = (_day(fields, path) for path in ("FrDtTm", "ToDtTm", "FrDt", "ToDt", "Dt"))
        self._days.update(day for day in days if day is not None)

    @property
    def found(self) -> date | None:
        """The day; None if there are several, or it is not known."""
        return next(iter(self._days)) if len(self._days) == 1 else None


def _account(element: etree._Element) -> tuple[BankAccount, str | None]:
    fields = _Fields(element)
    account = BankAccount(
        number=fields.first("Id/IBAN", "Id/Othr/Id", "Id/PrtryAcct/Id", "Id/BBAN"),
        bank=fields.first("Svcr/FinInstnId/Nm", "Svcr/FinInstnId/BICFI", "Svcr/FinInstnId/BIC"),
    )
    return account, fields.first("Ccy") or None


def _entry(entry: etree._Element, account: BankAccount, currency: str | None, day: date | None) -> Booking | Reason:
    """Read an entry. `day` is that of its statement, if that is of one day."""
    fields = _Fields(entry, "TxDtls")
    status = fields.first("Sts/Cd", "Sts/Prtry", "Sts") or "BOOK"
    if status == "PDNG":
        return IS_PENDING
    if status == "INFO":
        return IS_INFORMATION
    amount = _decimal(fields.first("Amt"))
    if amount is None:
        return NO_AMOUNT
    direction = fields.first("CdtDbtInd")
    if direction not in ("CRDT", "DBIT"):
        return NO_DIRECTION
    booked, valued = _day(fields, "BookgDt"), _day(fields, "ValDt")
    if booked is None and valued is None:
        booked = day
    if booked is None and valued is None:
        return NO_DATE
    details = [_Fields(part) for part in fields.parts[:MAX_DETAILS]]
    only = details[0] if len(fields.parts) == 1 else None
    return Booking(
        account=account,
        amount=-amount if direction == "DBIT" else amount,
        currency=fields.first("Amt@Ccy") or currency,
        booked=booked,
        valued=valued,
        made=_day(only, "RltdDts/TxDtTm") if only is not None else None,
        status=SCHEDULED if status == "FUTR" else POSTED,
        id=fields.first("AcctSvcrRef", "NtryRef"),
        description=_description(fields, details),
        counterparty=_party(only, direction) if only is not None else "",
        counterparty_account=_party_account(only, direction) if only is not None else "",
        kind=_kind(fields) or (_kind(details[0]) if details else ""),
        check_number=details[0].first("Refs/ChqNb") if details else "",
    )


def _decimal(text: str) -> Decimal | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return abs(amount) if amount.is_finite() else None


def _day(fields: _Fields, path: str) -> date | None:
    try:
        return date.fromisoformat(fields.first(f"{path}/Dt", f"{path}/DtTm", path)[:10])
    except ValueError:
        return None


def _description(fields: _Fields, details: Sequence[_Fields]) -> str:
    texts = [_remittance(detail) for detail in details]
    joined = " / ".join(dict.fromkeys(text for text in texts if text))
    return joined or fields.first("AddtlNtryInf")


def _remittance(detail: _Fields) -> str:
    text = detail.first(
        REMITTANCE,
        *("RmtInf/Strd/CdtrRefInf/Ref", "RmtInf/Strd/CdtrRefInf/CdtrRef", "RmtInf/Strd/AddtlRmtInf", "AddtlTxInf"),
        "Refs/EndToEndId",
    )
    return " ".join(text.split())


def _party(detail: _Fields, direction: str) -> str:
    role = "Cdtr" if direction == "DBIT" else "Dbtr"
    paths = (f"{role}/Pty/Nm", f"{role}/Nm", f"Ultmt{role}/Pty/Nm", f"Ultmt{role}/Nm")
    return detail.first(*(f"RltdPties/{path}" for path in paths))


def _party_account(detail: _Fields, direction: str) -> str:
    role = "CdtrAcct" if direction == "DBIT" else "DbtrAcct"
    return detail.first(f"RltdPties/{role}/Id/IBAN", f"RltdPties/{role}/Id/Othr/Id")


def _kind(fields: _Fields) -> str:
    domain = [fields.first(f"BkTxCd/Domn/{path}") for path in ("Cd", "Fmly/Cd", "Fmly/SubFmlyCd")]
    return "-".join(code for code in domain if code) or fields.first("BkTxCd/Prtry/Cd")
