"""Statements of banks in each format, made up for the tests."""

OFX_HEAD = "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nENCODING:USASCII\nCHARSET:1252\n\n"


def ofx(
    *transactions: str, account: str = "<BANKACCTFROM><BANKID>1<ACCTID>123<ACCTTYPE>CHECKING</BANKACCTFROM>"
) -> str:
    """A statement of these transactions."""
    listed = "".join(f"<STMTTRN>{one}</STMTTRN>\n" for one in transactions)
    return f"{OFX_HEAD}<OFX><STMTRS><CURDEF>EUR{account}<BANKTRANLIST>{listed}</BANKTRANLIST></STMTRS></OFX>"


DEBIT = "<TRNTYPE>DEBIT<DTPOSTED>20260105120000[-5:EST]<TRNAMT>-12.50<FITID>1<NAME>BAKERY &amp; SONS<MEMO>BREAD"


ENTRY = (
    "<Ntry><NtryRef>1</NtryRef><Amt Ccy='EUR'>12.50</Amt><CdtDbtInd>DBIT</CdtDbtInd>{status}"
    "<BookgDt><Dt>2026-01-05</Dt></BookgDt><ValDt><DtTm>2026-01-06T00:00:00+01:00</DtTm></ValDt>"
    "<AcctSvcrRef>REF1</AcctSvcrRef><NtryDtls><TxDtls><RltdPties>{party}<CdtrAcct><Id><IBAN>NL20INGB0001234567</IBAN></Id>"
    "</CdtrAcct></RltdPties><RmtInf><Ustrd>BREAD</Ustrd><Ustrd> AND BUTTER</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
)


STATUSES = {
    2: "<Sts>{}</Sts>",
    6: "<Sts>{}</Sts>",
    8: "<Sts><Cd>{}</Cd></Sts>",
    10: "<Sts><Cd>{}</Cd></Sts>",
    13: "<Sts><Cd>{}</Cd></Sts>",
}


MESSAGES = {52: ("BkToCstmrAcctRpt", "Rpt"), 53: ("BkToCstmrStmt", "Stmt"), 54: ("BkToCstmrDbtCdtNtfctn", "Ntfctn")}


def camt(version: int = 8, message: int = 53, prefix: str = "", *, statuses: tuple[str, ...] = ("BOOK",)) -> str:
    """A message with an entry of each status."""
    party = "<Cdtr><Nm>BAKERY</Nm></Cdtr>" if version < 8 else "<Cdtr><Pty><Nm>BAKERY</Nm></Pty></Cdtr>"
    entries = "".join(ENTRY.format(status=STATUSES[version].format(status), party=party) for status in statuses)
    root, group = MESSAGES[message]
    text = (
        f"<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.0{message}.001.{version:02}'><{root}><{group}>"
        f"<Acct><Id><IBAN>NL91ABNA0417164300</IBAN></Id><Ccy>EUR</Ccy></Acct>{entries}</{group}></{root}></Document>"
    )
    if prefix:
        text = (
            text.replace("</", "\0")
            .replace("<", f"<{prefix}:")
            .replace("\0", f"</{prefix}:")
            .replace("xmlns=", f"xmlns:{prefix}=")
        )
    return text


MT940 = """{1:F01INGBNL2AXXXX0000000000}{2:O9400000000000}{4:
:20:P140220000000001
:25:NL91ABNA0417164300EUR
:28C:00000
:60F:C260104EUR1000,00
:61:2601060105D12,50NTRFEREF//00000000001005
/TRCD/00100/
:86:/EREF/EV12//CNTP/NL20INGB0001234567/INGBNL2A/BAKERY///REMI/USTD//BREAD AND B
UTTER/
:61:2601060106RC2,NTRFNONREF
:86:051?00RETOUR?20SVWZ+BREAD AND?21 BUTTER?30INGDDEFF?31DE02120300000000202051?32BAKERY?33 SONS
:62F:C260106EUR985,50
-}
"""
