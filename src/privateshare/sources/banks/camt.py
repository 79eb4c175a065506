"""ISO 20022 CAMT.052, 053 and 054 in every version: the names of elements are the same, what is inside them moves."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation

from lxml import etree

from privateshare.sources.archive import UploadedFile
from privateshare.sources.banks.booking import POSTED, SCHEDULED, BankAccount, Booking
from privateshare.sources.banks.reasons import (
    IS_PENDING,
    IS_UNDONE,
    NO_AMOUNT,
    NO_DATE,
    NO_DIRECTION,
    Problem,
    UnreadableStatement,
)
from privateshare.sources.failures import Reason

MESSAGES = frozenset({"BkToCstmrStmt", "BkToCstmrAcctRpt", "BkToCstmrDbtCdtNtfctn"})
MAX_ELEMENTS = 200_000  # of one entry, which may collect thousands of payments
MAX_DETAILS = 20  # of a collected booking, whose texts are joined

_STATEMENTS = frozenset({"Stmt", "Rpt", "Ntfctn"})
_NAMESPACE = re.compile(r"urn:(?:iso:std:iso:20022:tech:xsd|swift:xsd:\$?)[:.]?(?:\$)?camt\.05[234]\.001\.\d\d")


def is_camt(start: str) -> bool:
    """Say whether a file is CAMT, by its start."""
    return _NAMESPACE.search(start) is not None or any(f"{message}>" in start for message in MESSAGES)


def read_camt(file: UploadedFile) -> Iterator[Booking | Reason]:
    """Read every entry of every statement, report and notification in the file.

    An entry is one movement on the account, also when it collects several payments: so it is in every other format.

    Raises:
        UnreadableStatement: The file is not XML, or was cut off.
    """
    account, currency, elements = BankAccount(), None, 0
    with file.open() as stream:
        try:
            for event, element in etree.iterparse(
                stream,
                events=("start", "end"),
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
                    elements += 1
                    if elements > MAX_ELEMENTS:
                        raise UnreadableStatement(Problem.TOO_LONG_LINE)
                    if name in _STATEMENTS:
                        account, currency = BankAccount(), None
                    continue
                if name == "Acct" and _parent(element) in _STATEMENTS:
                    account, currency = _account(element), _text(element, "Ccy")
                elif name == "Ntry":
                    yield _entry(element, account, currency)
                    _forget(element)
                    elements = 0
        except etree.XMLSyntaxError as error:
            raise UnreadableStatement(Problem.NOT_XML) from error


def _local(element: etree._Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _parent(element: etree._Element) -> str:
    parent = element.getparent()
    return "" if parent is None else _local(parent)


def _forget(element: etree._Element) -> None:
    """Drop an element that was read, and those before it, so that memory does not grow with the file."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _all(element: etree._Element, *path: str) -> Sequence[etree._Element]:
    """Find the elements at a path, whatever namespace they are in."""
    found = [element]
    for name in path:
        found = [child for parent in found for child in parent if _local(child) == name]
    return found


def _text(element: etree._Element, *path: str) -> str | None:
    for found in _all(element, *path):
        text = " ".join("".join(found.itertext()).split())
        if text:
            return text
    return None


def _first(element: etree._Element, *paths: str) -> str:
    """Give the text at the first of some paths that has one; "a/b" is b inside of a."""
    for path in paths:
        text = _text(element, *path.split("/"))
        if text:
            return text
    return ""


def _account(element: etree._Element) -> BankAccount:
    return BankAccount(
        number=_first(element, "Id/IBAN", "Id/Othr/Id", "Id/PrtryAcct/Id", "Id/BBAN"),
        bank=_first(element, "Svcr/FinInstnId/Nm", "Svcr/FinInstnId/BICFI", "Svcr/FinInstnId/BIC"),
    )


def _entry(entry: etree._Element, account: BankAccount, currency: str | None) -> Booking | Reason:
    reference = _first(entry, "AcctSvcrRef", "NtryRef")
    status = _first(entry, "Sts/Cd", "Sts/Prtry", "Sts") or "BOOK"
    if status == "PDNG":
        return IS_PENDING
    if status == "INFO":
        return IS_UNDONE
    amounts = _all(entry, "Amt")
    amount = _decimal(amounts[0].text if amounts else None)
    if amount is None:
        return NO_AMOUNT
    direction = _first(entry, "CdtDbtInd")
    if direction not in ("CRDT", "DBIT"):
        return NO_DIRECTION
    booked, valued = _day(entry, "BookgDt"), _day(entry, "ValDt")
    if booked is None and valued is None:
        return NO_DATE
    details = _all(entry, "NtryDtls", "TxDtls")
    return Booking(
        account=account,
        amount=-amount if direction == "DBIT" else amount,
        currency=amounts[0].get("Ccy") or currency,
        booked=booked,
        valued=valued,
        made=_day(details[0], "RltdDts", "TxDtTm") if len(details) == 1 else None,
        status=SCHEDULED if status == "FUTR" else POSTED,
        id=reference,
        description=_description(entry, details),
        counterparty=_party(details[0], direction) if len(details) == 1 else "",
        counterparty_account=_party_account(details[0], direction) if len(details) == 1 else "",
        kind=_kind(entry) or (_kind(details[0]) if details else ""),
        check_number=_first(details[0], "Refs/ChqNb") if details else "",
    )


def _decimal(text: str | None) -> Decimal | None:
    try:
        amount = Decimal((text or "").strip())
    except InvalidOperation:
        return None
    return abs(amount) if amount.is_finite() else None


def _day(element: etree._Element, *path: str) -> date | None:
    text = _first(element, "/".join((*path, "Dt")), "/".join((*path, "DtTm")), "/".join(path))
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _description(entry: etree._Element, details: Sequence[etree._Element]) -> str:
    texts = [_remittance(detail) for detail in details[:MAX_DETAILS]]
    joined = " / ".join(dict.fromkeys(text for text in texts if text))
    return joined or _first(entry, "AddtlNtryInf")


def _remittance(detail: etree._Element) -> str:
    lines = ["".join(line.itertext()) for line in _all(detail, "RmtInf", "Ustrd")]
    text = " ".join("".join(lines).split())
    return text or _first(
        detail,
        *("RmtInf/Strd/CdtrRefInf/Ref", "RmtInf/Strd/CdtrRefInf/CdtrRef", "RmtInf/Strd/AddtlRmtInf", "AddtlTxInf"),
        "Refs/EndToEndId",
    )


def _party(detail: etree._Element, direction: str) -> str:
    role = "Cdtr" if direction == "DBIT" else "Dbtr"
    paths = (f"{role}/Pty/Nm", f"{role}/Nm", f"Ultmt{role}/Pty/Nm", f"Ultmt{role}/Nm")
    return _first(detail, *(f"RltdPties/{path}" for path in paths))


def _party_account(detail: etree._Element, direction: str) -> str:
    role = "CdtrAcct" if direction == "DBIT" else "DbtrAcct"
    return _first(detail, f"RltdPties/{role}/Id/IBAN", f"RltdPties/{role}/Id/Othr/Id")


def _kind(element: etree._Element) -> str:
    domain = [_first(element, f"BkTxCd/Domn/{path}") for path in ("Cd", "Fmly/Cd", "Fmly/SubFmlyCd")]
    return "-".join(code for code in domain if code) or _first(element, "BkTxCd/Prtry/Cd")
