"""A streaming parser for OFX 1 (SGML), OFX 2 (XML) and QFX.

It reads a stream of tags, because few banks close, nest and quote them correctly. The maintained libraries are either
under the GPL, or load the whole file as a tree and stop at the first error.
"""

import html
import re
from collections.abc import Iterator
from datetime import date

from privateshare.sources.archive import UploadedFile
from privateshare.sources.banks.amounts import plain_amount
from privateshare.sources.banks.booking import BANK, CREDIT_CARD, BankAccount, Booking
from privateshare.sources.banks.dates import YEAR_FIRST, read_date
from privateshare.sources.banks.reasons import IS_INVESTMENT, IS_PENDING, NO_AMOUNT, NO_DATE
from privateshare.sources.banks.text import CHUNK_BYTES, encoding_of, opened_text
from privateshare.sources.failures import Reason

MAX_TAG_CHARACTERS = 64 * 1024  # A longer tag with its value is truncated.

_TAG = re.compile(r"<(/?)\s*([A-Za-z0-9][A-Za-z0-9._-]*)[^<>]*>\s*(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))", re.DOTALL)
_ACCOUNT = frozenset({"BANKACCTFROM", "CCACCTFROM", "INVACCTFROM"})
_STATEMENT = frozenset({"STMTRS", "CCSTMTRS", "INVSTMTRS"})
_LIST = frozenset({"BANKTRANLIST", "INVTRANLIST"})
_OTHER_ACCOUNT = frozenset({"BANKACCTTO", "CCACCTTO"})
_TRANSACTIONS = frozenset({"STMTTRN", "STMTTRNP"})
_INVESTMENTS = frozenset(
    {"BUYDEBT", "BUYMF", "BUYOPT", "BUYOTHER", "BUYSTOCK", "CLOSUREOPT", "INCOME", "INVEXPENSE", "JRNLFUND", "JRNLSEC"}
    | {"MARGININTEREST", "REINVEST", "RETOFCAP", "SELLDEBT", "SELLMF", "SELLOPT", "SELLOTHER", "SELLSTOCK", "SPLIT"}
    | {"TRANSFER"}
)
_AGGREGATES = _ACCOUNT | _STATEMENT | _LIST | _TRANSACTIONS | _INVESTMENTS
_WENT_OUT = frozenset({"DEBIT", "CHECK", "PAYMENT", "FEE", "SRVCHG", "POS", "DIRECTDEBIT", "CASH"})


def is_ofx(start: str) -> bool:
    """Return whether a file is OFX, by its start."""
    return re.search(r"OFXHEADER\s*[:=]|<\?OFX|<OFX>", start, re.IGNORECASE) is not None


def read_ofx(file: UploadedFile) -> Iterator[Booking | Reason]:
    """Yield all transactions of all accounts in the file."""
    signs = _signs_are_in_types(file)
    account, currency = BankAccount(), None
    for aggregate, fields in _aggregates(file):
        if aggregate in _STATEMENT:
            account, currency = BankAccount(), None
        elif aggregate == "CURDEF":
            currency = fields["CURDEF"].upper()[:3]
        elif aggregate in _ACCOUNT:
            account = _account(aggregate, fields)
        elif aggregate in _INVESTMENTS:
            yield IS_INVESTMENT
        else:
            yield _booking(fields, account, currency, signs, aggregate == "STMTTRNP")


def _signs_are_in_types(file: UploadedFile) -> bool:
    """Return whether outgoing amounts have no sign, so that only their type says that they went out."""
    debits = False
    for aggregate, fields in _aggregates(file):
        if aggregate in _TRANSACTIONS:
            if fields.get("TRNAMT", "").startswith(("-", "(", "+")):
                return False
            debits = debits or fields.get("TRNTYPE", "").upper() == "DEBIT"
    return debits


def _aggregates(file: UploadedFile) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the accounts, currencies and transactions in their order, each with the first value of its fields."""
    name, fields, prefix = "", dict[str, str](), ""
    for closes, tag, value in _tags(file):
        if tag in _AGGREGATES or (tag == "CURDEF" and value):
            if name:
                yield name, fields
            name, fields, prefix = "", {}, ""
            if tag in _TRANSACTIONS | _ACCOUNT | _INVESTMENTS:
                name = "" if closes else tag
            elif tag == "CURDEF":
                yield tag, {tag: value}
            elif tag in _STATEMENT and not closes:
                yield tag, {}
        elif tag in _OTHER_ACCOUNT or (tag == "PAYEE" and not value):
            prefix = "" if closes else f"{tag}."
        elif name and value:
            fields.setdefault(prefix + tag, value)
    if name:
        yield name, fields


def _tags(file: UploadedFile) -> Iterator[tuple[bool, str, str]]:
    rest = ""
    with opened_text(file, encoding_of(file)) as text:
        while chunk := text.read(CHUNK_BYTES):
            rest += chunk.replace("\0", "")
            cut = rest.rfind("<")
            if cut < 0 or rest.rfind("<![CDATA[") > rest.rfind("]]>"):
                rest = rest[-MAX_TAG_CHARACTERS:]
                continue
            yield from _found_tags(rest[:cut])
            rest = rest[cut:][:MAX_TAG_CHARACTERS]
    yield from _found_tags(rest)


def _found_tags(text: str) -> Iterator[tuple[bool, str, str]]:
    for found in _TAG.finditer(text):
        plain = found[3] if found[3] is not None else html.unescape(found[4])
        yield bool(found[1]), found[2].upper(), " ".join(plain.split())


def _account(aggregate: str, fields: dict[str, str]) -> BankAccount:
    return BankAccount(
        number=fields.get("ACCTID", ""),
        bank=fields.get("BANKID") or fields.get("BROKERID", ""),
        container=CREDIT_CARD if aggregate == "CCACCTFROM" else BANK,
    )


def _booking(
    fields: dict[str, str], account: BankAccount, currency: str | None, signs_in_types: bool, pending: bool
) -> Booking | Reason:
    if pending:
        return IS_PENDING
    booked = _day(fields.get("DTPOSTED")) or _day(fields.get("DTUSER"))
    if booked is None:
        return NO_DATE
    amount = plain_amount(fields.get("TRNAMT", ""))
    if amount is None:
        return NO_AMOUNT
    kind = fields.get("TRNTYPE", "").upper()
    if signs_in_types and kind in _WENT_OUT:
        amount = -amount
    payee, memo = fields.get("NAME") or fields.get("PAYEE.NAME", ""), fields.get("MEMO", "")
    return Booking(
        account=account,
        amount=amount,
        currency=currency,
        booked=booked,
        made=_day(fields.get("DTUSER")),
        valued=_day(fields.get("DTAVAIL")) or _day(fields.get("VALUEDATE")),
        id=fields.get("FITID", ""),
        description=memo or payee,
        counterparty=payee,
        counterparty_account=fields.get("BANKACCTTO.ACCTID") or fields.get("CCACCTTO.ACCTID", ""),
        kind=kind,
        check_number=fields.get("CHECKNUM", "").lstrip("0"),
        city=fields.get("PAYEE.CITY", ""),
        country=fields.get("PAYEE.COUNTRY", ""),
    )


def _day(text: str | None) -> date | None:
    """Parse a date of OFX: eight digits, followed by anything, or a date with dashes, as some banks write."""
    if not text:
        return None
    return read_date(text[:8], YEAR_FIRST) if text[:8].isdigit() else read_date(text[:10], YEAR_FIRST)
