"""CSV statements as the banks of many countries write them: every value invented, every layout real."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from tests.unit.sources.banks.statements import bookings, reasons

from privateshare.sources.failures import LeftOut


@dataclass(frozen=True)
class Layout:
    """A statement, and what its first and last booking are."""

    text: str
    count: int
    first: tuple[str, str]
    last: tuple[str, str]
    currency: str | None = "EUR"
    account: str = ""
    counterparty: str = ""
    encoding: str = "utf-8"
    pending: int = 0


LAYOUTS = {
    "ING (NL)": Layout(
        '"Datum";"Naam / Omschrijving";"Rekening";"Tegenrekening";"Code";"Af Bij";"Bedrag (EUR)";"Mutatiesoort";'
        '"Mededelingen";"Saldo na mutatie";"Tag"\n'
        '"20260302";"Albert Heijn 1076";"NL91ABNA0417164300";"";"BA";"Af";"23,45";"Betaalautomaat";"Pasvolgnr: 001";"1.176,55";""\n'
        '"20260301";"Werkgever BV";"NL91ABNA0417164300";"NL20INGB0001234567";"GT";"Bij";"1.200,00";"Overschrijving";"Salaris";"1.200,00";""\n',
        2,
        ("2026-03-02", "-23.45"),
        ("2026-03-01", "1200.00"),
        account="NL91ABNA0417164300",
        counterparty="Albert Heijn 1076",
    ),
    "Rabobank": Layout(
        '"IBAN/BBAN","Munt","BIC","Volgnr","Datum","Rentedatum","Bedrag","Saldo na trn","Tegenrekening IBAN/BBAN",'
        '"Naam tegenpartij","Naam uiteindelijke partij","Naam initiërende partij","BIC tegenpartij","Code","Batch ID",'
        '"Transactiereferentie","Machtigingskenmerk","Incassant ID","Betalingskenmerk","Omschrijving-1","Omschrijving-2"\n'
        '"NL91RABO0315273637","EUR","RABONL2U","000000000000000001","2026-01-05","2026-01-05","-12,50","+987,50",'
        '"NL20INGB0001234567","Bakker","","","INGBNL2A","bg","","","","","","Brood"," "\n'
        '"NL91RABO0315273637","EUR","RABONL2U","000000000000000002","2026-01-06","2026-01-06","+1.000,00","+1987,50",'
        '"NL20INGB0001234567","Werk","","","INGBNL2A","cb","","","","","","Loon"," "\n',
        2,
        ("2026-01-05", "-12.50"),
        ("2026-01-06", "1000.00"),
        account="NL91RABO0315273637",
        counterparty="Bakker",
        encoding="cp1252",
    ),
    "ABN AMRO, tabs, no header": Layout(
        "417164300\tEUR\t20260105\t1000,00\t987,50\t20260105\t-12,50\tBEA   NR:XX 05.01.26 Bakker\n"
        "417164300\tEUR\t20260106\t987,50\t1987,50\t20260106\t1000,00\tSEPA Overboeking Werk\n"
        "417164300\tEUR\t20260107\t1987,50\t1980,00\t20260107\t-7,50\tBEA Koffie\n",
        3,
        ("2026-01-05", "-12.50"),
        ("2026-01-07", "-7.50"),
        account="417164300",
    ),
    "bunq": Layout(
        '"Date","Interest Date","Amount","Account","Counterparty","Name","Description"\n'
        '"2026-01-05","2026-01-05","-12,50","NL47BUNQ2025181418","","Bakker","Brood"\n',
        1,
        ("2026-01-05", "-12.50"),
        ("2026-01-05", "-12.50"),
        currency=None,
        account="NL47BUNQ2025181418",
        counterparty="Bakker",
    ),
    "Triodos, no header": Layout(
        '"05-01-2026","NL91TRIO0390123456","12,50","Debet","Bakker","NL20INGB0001234567","ET","Brood","987,50"\n'
        '"16-01-2026","NL91TRIO0390123456","1.000,00","Credit","Werk","NL20INGB0001234567","ET","Loon","1.987,50"\n'
        '"17-01-2026","NL91TRIO0390123456","7,50","Debet","Koffie","NL47BUNQ2025181418","BA","Koffie","1.980,00"\n',
        3,
        ("2026-01-05", "-12.50"),
        ("2026-01-17", "-7.50"),
        currency=None,
        account="NL91TRIO0390123456",
    ),
    "Knab": Layout(
        "KNAB EXPORT;;;;;;;;;;;;;;;;\n"
        "Rekeningnummer;Transactiedatum;Valutacode;CreditDebet;Bedrag;Tegenrekeningnummer;Tegenrekeninghouder;"
        "Valutadatum;Betaalwijze;Omschrijving;Type betaling;Machtigingsnummer;Incassant ID;Adres;Referentie;Boekdatum;\n"
        '"NL91KNAB0255123456";"05-01-2026";"EUR";"D";"12,50";"NL20INGB0001234567";"Bakker";"05-01-2026";"";"Brood";"";"";"";"";"A1";"05-01-2026";\n',
        1,
        ("2026-01-05", "-12.50"),
        ("2026-01-05", "-12.50"),
        account="NL91KNAB0255123456",
        counterparty="Bakker",
    ),
    "KBC": Layout(
        "Rekeningnummer;Rubrieknaam;Naam;Munt;Afschriftnummer;Datum;Omschrijving;Valuta;Bedrag;Saldo;credit;debet;"
        "rekeningnummer tegenpartij;BIC tegenpartij;Naam tegenpartij;Adres tegenpartij\n"
        "BE68539007547034;;IK ZELF;EUR;01;05/01/2026;BETALING;05/01/2026;-3,40;219,95;;-3,40;BE71096123456769;;BAKKER;\n"
        "BE68539007547034;;IK ZELF;EUR;01;16/01/2026;LOON;16/01/2026;100,00;319,95;100,00;;BE71096123456769;;WERK;\n",
        2,
        ("2026-01-05", "-3.40"),
        ("2026-01-16", "100.00"),
        account="BE68539007547034",
        counterparty="BAKKER",
    ),
    "Sparkasse CAMT-CSV": Layout(
        '"Auftragskonto";"Buchungstag";"Valutadatum";"Buchungstext";"Verwendungszweck";"Glaeubiger ID";"Mandatsreferenz";'
        '"Kundenreferenz (End-to-End)";"Sammlerreferenz";"Lastschrift Ursprungsbetrag";"Auslagenersatz Ruecklastschrift";'
        '"Beguenstigter/Zahlungspflichtiger";"Kontonummer/IBAN";"BIC (SWIFT-Code)";"Betrag";"Waehrung";"Info"\n'
        '"DE89370400440532013000";"05.01.26";"05.01.26";"KARTENZAHLUNG";"Danke";"";"";"";"";"";"";"Bäckerei Öl";'
        '"DE02120300000000202051";"BYLADEM1001";"-12,50";"EUR";"Umsatz gebucht"\n'
        '"DE89370400440532013000";"06.01.26";"06.01.26";"LASTSCHRIFT";"Strom";"";"";"";"";"";"";"Stadtwerke";'
        '"DE02120300000000202051";"BYLADEM1001";"-80,00";"EUR";"Umsatz vorgemerkt"\n',
        1,
        ("2026-01-05", "-12.50"),
        ("2026-01-05", "-12.50"),
        account="DE89370400440532013000",
        counterparty="Bäckerei Öl",
        encoding="cp1252",
        pending=1,
    ),
    "DKB until 2023": Layout(
        '"Kontonummer:";"DE89370400440532013000 / Girokonto";\n\n"Von:";"01.01.2026";\n"Bis:";"31.01.2026";\n'
        '"Kontostand vom 31.01.2026:";"1.234,56 EUR";\n\n'
        '"Buchungstag";"Wertstellung";"Buchungstext";"Auftraggeber / Begünstigter";"Verwendungszweck";"Kontonummer";"BLZ";'
        '"Betrag (EUR)";"Gläubiger-ID";"Mandatsreferenz";"Kundenreferenz";\n'
        '"16.01.2026";"16.01.2026";"Lohn";"Werk AG";"Gehalt";"DE02120300000000202051";"BYLADEM1001";"2.000,00";"";"";"";\n'
        '"05.01.2026";"05.01.2026";"Karte";"Bäckerei";"Danke";"DE02120300000000202051";"BYLADEM1001";"-12,50";"";"";"";\n',
        2,
        ("2026-01-16", "2000.00"),
        ("2026-01-05", "-12.50"),
        account="DE89370400440532013000",
        counterparty="Werk AG",
        encoding="cp1252",
    ),
    "DKB since 2023": Layout(
        '"Girokonto";"DE89370400440532013000"\n\n"Kontostand vom 31.01.2026:";"1.234,56 €"\n""\n'
        '"Buchungsdatum";"Wertstellung";"Status";"Zahlungspflichtige*r";"Zahlungsempfänger*in";"Verwendungszweck";'
        '"Umsatztyp";"IBAN";"Betrag (€)";"Gläubiger-ID";"Mandatsreferenz";"Kundenreferenz"\n'
        '"06.01.26";"06.01.26";"Vorgemerkt";"Ich";"Laden";"Kauf";"Ausgang";"";"-9,99";"";"";""\n'
        '"05.01.26";"05.01.26";"Gebucht";"Ich";"Bäckerei";"Brot";"Ausgang";"DE02120300000000202051";"-12,5";"";"";""\n'
        '"02.01.26";"02.01.26";"Gebucht";"Werk AG";"Ich";"Gehalt";"Eingang";"DE02500105170137075030";"2.000";"";"";""\n',
        2,
        ("2026-01-05", "-12.5"),
        ("2026-01-02", "2000"),
        account="DE89370400440532013000",
        counterparty="Bäckerei",
        pending=1,
    ),
    "N26 old": Layout(
        '"Datum","Empfänger","Kontonummer","Transaktionstyp","Verwendungszweck","Kategorie","Betrag (EUR)",'
        '"Betrag (Fremdwährung)","Fremdwährung","Wechselkurs"\n'
        '"2026-01-05","Bäckerei","","MasterCard Zahlung","","Essen","-12.5","-12.5","EUR","1.0"\n',
        1,
        ("2026-01-05", "-12.5"),
        ("2026-01-05", "-12.5"),
        counterparty="Bäckerei",
    ),
    "N26 new": Layout(
        '"Booking Date","Value Date","Partner Name","Partner Iban",Type,"Payment Reference","Account Name","Amount (EUR)",'
        '"Original Amount","Original Currency","Exchange Rate"\n'
        "2026-01-05,2026-01-04,Bakery,,Presentment,,Main,-12.5,-13.6,USD,0.92\n",
        1,
        ("2026-01-05", "-12.5"),
        ("2026-01-05", "-12.5"),
        counterparty="Bakery",
    ),
    "comdirect, two tables": Layout(
        ';\n"Umsätze Girokonto";"Zeitraum: 30 Tage";\n"Neuer Kontostand";"1.200,00 EUR";\n\n'
        '"Buchungstag";"Wertstellung (Valuta)";"Vorgang";"Buchungstext";"Umsatz in EUR";\n'
        '"offen";"--";"Kartenverfügung";"Buchungstext: LADEN";"-9,99";\n'
        '"05.01.2026";"05.01.2026";"Übertrag";" Empfänger: Bäckerei Buchungstext: Brot";"-12,50";\n'
        '"Alter Kontostand";"1.212,50 EUR";\n\n'
        '"Umsätze Visa-Karte (Kreditkarte)";"Zeitraum: 30 Tage";\n'
        '"Buchungstag";"Umsatztag";"Vorgang";"Referenz";"Buchungstext";"Umsatz in EUR";\n'
        '"07.01.2026";"06.01.2026";"Visa-Umsatz";"123";"HOTEL";"-80,00";\n',
        2,
        ("2026-01-05", "-12.50"),
        ("2026-01-07", "-80.00"),
        encoding="cp1252",
        pending=1,
    ),
    "Boursorama": Layout(
        "dateOp;dateVal;label;category;categoryParent;supplierFound;amount;comment;accountNum;accountLabel;accountbalance\n"
        '2026-01-05;2026-01-05;"CARTE 04/01/26 BOULANGERIE CB*1234";"Alimentation";"Vie quotidienne";"boulangerie";'
        '-12,50;;"00040123456";"BoursoBank";1234.56\n'
        '2026-01-06;2026-01-06;"VIR SALAIRE";"Salaires";"Revenus";"";"2 000,00";;"00040123456";"BoursoBank";1234.56\n',
        2,
        ("2026-01-05", "-12.50"),
        ("2026-01-06", "2000.00"),
        currency=None,
        account="00040123456",
        counterparty="boulangerie",
    ),
    "Crédit Agricole, labels of several lines": Layout(
        "Téléchargement du 31/01/2026;\n\nM. DURAND\n\nCompte de Dépôt carte n° 12345678901;\nSolde au 31/01/2026 1 234,56 €\n\n"
        "Date;Libellé;Débit euros;Crédit euros;\n"
        '05/01/2026;"PAIEMENT PAR CARTE\n   BOULANGERIE 04/01\n";12,50;;\n'
        '16/01/2026;"VIREMENT EN VOTRE FAVEUR\n   SALAIRE\n";;"2\u00a0000,00";\n',
        2,
        ("2026-01-05", "-12.50"),
        ("2026-01-16", "2000.00"),
        account="12345678901",
        encoding="cp1252",
    ),
    "Spain": Layout(
        "FECHA OPERACIÓN;FECHA VALOR;CONCEPTO;IMPORTE EUR;SALDO\n"
        "05/01/2026;05/01/2026;COMPRA PANADERÍA;-12,50;987,50\n06/01/2026;06/01/2026;NÓMINA;1.000,00;1.987,50\n",
        2,
        ("2026-01-05", "-12.50"),
        ("2026-01-06", "1000.00"),
        encoding="mac_roman",
    ),
    "Italy, two columns": Layout(
        "Data contabile;Data valuta;Dare;Avere;Divisa;Descrizione\n05/01/2026;05/01/2026;12,50;;EUR;POS PANIFICIO\n"
        "06/01/2026;06/01/2026;;1.000,00;EUR;STIPENDIO\n",
        2,
        ("2026-01-05", "-12.50"),
        ("2026-01-06", "1000.00"),
    ),
    "Portugal": Layout(
        "Data mov.;Data valor;Descrição;Débito;Crédito;Saldo contabilístico\n05-01-2026;05-01-2026;PADARIA;12,50;;987,50\n",
        1,
        ("2026-01-05", "-12.50"),
        ("2026-01-05", "-12.50"),
        currency=None,
    ),
    "mBank (PL)": Layout(
        "mBank S.A.;\n#Data operacji;#Opis operacji;#Rachunek;#Kategoria;#Kwota;#Saldo po operacji;\n"
        '2026-01-05;"PIEKARNIA";"eKonto 1111 2222";"Żywność";-12,50 PLN;987,50 PLN;\n',
        1,
        ("2026-01-05", "-12.50"),
        ("2026-01-05", "-12.50"),
        currency="PLN",
        account="EKONTO11112222",
        encoding="cp1250",
    ),
    "Nordea (FI)": Layout(
        "Kirjauspäivä;Arvopäivä;Maksupäivä;Määrä;Saaja/Maksaja;Tilinumero;BIC;Tapahtuma;Viite;Viesti\n"
        "05.01.2026;05.01.2026;04.01.2026;-12,50;LEIPOMO;;;Korttiosto;;\n",
        1,
        ("2026-01-05", "-12.50"),
        ("2026-01-05", "-12.50"),
        currency=None,
        counterparty="LEIPOMO",
    ),
    "Danske Bank, no header": Layout(
        '"05.01.2026";"Bager";"-48,00";"26.550,33";"Udført";"Nej"\n"06.01.2026";"Løn";"497,90";"27.048,23";"Udført";"Nej"\n'
        '"07.01.2026";"Kaffe";"-32,00";"27.016,23";"Udført";"Nej"\n',
        3,
        ("2026-01-05", "-48.00"),
        ("2026-01-07", "-32.00"),
        currency=None,
        encoding="cp1252",
    ),
    "Monzo": Layout(
        "Transaction ID,Date,Time,Type,Name,Emoji,Category,Amount,Currency,Local amount,Local currency,Notes and #tags,"
        "Address,Receipt,Description,Category split,Money Out,Money In\n"
        "tx_0000A,05/01/2026,12:30:00,Card payment,Bakery,🥐,Eating out,-12.50,GBP,-14.00,EUR,,,,BAKERY LONDON,,-12.50,\n"
        "tx_0000B,06/01/2026,09:00:00,Faster payment,Work,,Income,1000.00,GBP,1000.00,GBP,,,,SALARY,,,1000.00\n",
        2,
        ("2026-01-05", "-12.50"),
        ("2026-01-06", "1000.00"),
        currency="GBP",
        counterparty="Bakery",
    ),
    "Starling": Layout(
        "Date,Counter Party,Reference,Type,Amount (GBP),Balance (GBP),Spending Category,Notes\n"
        "05/01/2026,Bakery,BREAD,CONTACTLESS,-12.50,987.50,EATING_OUT,\n",
        1,
        ("2026-01-05", "-12.50"),
        ("2026-01-05", "-12.50"),
        currency="GBP",
        counterparty="Bakery",
    ),
    "Barclays": Layout(
        "Number,Date,Account,Amount,Subcategory,Memo\n\t ,15/01/2026,20-12-34 12345678,-12.50,PAYMENT,BAKERY\n",
        1,
        ("2026-01-15", "-12.50"),
        ("2026-01-15", "-12.50"),
        currency=None,
        account="20123412345678",
    ),
    "HSBC UK card": Layout(
        "\ufeffDate Processed,Description,Amount,\nPending,SHOP LONDON GBR,£67.40,\n12-Dec-2025,BAKERY,£12.50,\n"
        '02-Dec-2025,PAYMENT RECEIVED - THANK YOU,"+ £1,100.00",CR\n',
        2,
        ("2025-12-12", "-12.50"),
        ("2025-12-02", "1100.00"),
        currency="GBP",
        pending=1,
    ),
    "Nationwide": Layout(
        '"Account Name:","FlexAccount ****12345"\n"Account Balance:","£987.50"\n"Available Balance: ","£987.50"\n\n'
        '"Date","Transaction type","Description","Paid out","Paid in","Balance"\n'
        '"05 Jan 2026","Visa purchase","BAKERY","£12.50","","£987.50"\n"06 Jan 2026","Transfer from","WORK","","£1,000.00","£1,987.50"\n',
        2,
        ("2026-01-05", "-12.50"),
        ("2026-01-06", "1000.00"),
        currency="GBP",
        account="****12345",
        encoding="cp1252",
    ),
    "Chase checking, with a comma too many": Layout(
        "Details,Posting Date,Description,Amount,Type,Balance,Check or Slip #\n"
        'DEBIT,01/05/2026,"BAKERY 01/04",-12.50,DEBIT_CARD,987.50,,\nCREDIT,01/06/2026,"WORK PAYROLL",1000.00,ACH_CREDIT,1987.50,,\n'
        "CHECK,01/07/2026,CHECK 1030,-30.00,CHECK_PAID,1957.50,1030,\n",
        3,
        ("2026-01-05", "-12.50"),
        ("2026-01-07", "-30.00"),
        currency=None,
    ),
    "Chase card": Layout(
        "Transaction Date,Post Date,Description,Category,Type,Amount,Memo\n01/04/2026,01/05/2026,BAKERY,Food & Drink,Sale,-12.50,\n"
        "01/06/2026,01/06/2026,Payment Thank You-Mobile,,Payment,500.00,\n",
        2,
        ("2026-01-05", "-12.50"),
        ("2026-01-06", "500.00"),
        currency=None,
    ),
    "Bank of America": Layout(
        'Description,,Summary Amt.\nBeginning balance as of 01/01/2026,,"1,000.00"\nTotal credits,,"1,000.00"\n\n'
        'Date,Description,Amount,Running Bal.\n01/01/2026,Beginning balance as of 01/01/2026,,"1,000.00"\n'
        '01/05/2026,"BAKERY","-12.50","987.50"\n01/06/2026,"WORK","1,000.00","1,987.50"\n',
        2,
        ("2026-01-05", "-12.50"),
        ("2026-01-06", "1000.00"),
        currency=None,
    ),
    "Capital One": Layout(
        "Transaction Date,Posted Date,Card No.,Description,Category,Debit,Credit\n"
        "2026-01-04,2026-01-05,1234,BAKERY,Dining,12.50,\n2026-01-06,2026-01-06,1234,PAYMENT,Payment,,500.00\n",
        2,
        ("2026-01-05", "-12.50"),
        ("2026-01-06", "500.00"),
        currency=None,
        account="1234",
    ),
    "American Express, charges without a minus": Layout(
        "Date,Description,Card Member,Account #,Amount\n01/05/2026,BAKERY,SAM,-11001,12.50\n"
        "01/16/2026,ONLINE PAYMENT - THANK YOU,SAM,-11001,-500.00\n",
        2,
        ("2026-01-05", "-12.50"),
        ("2026-01-16", "500.00"),
        currency=None,
        account="11001",
    ),
    "Wells Fargo, no header": Layout(
        '"01/05/2026","-12.50","*","","BAKERY"\n"01/16/2026","1000.00","*","","WORK"\n"01/17/2026","-7.50","*","","COFFEE"\n',
        3,
        ("2026-01-05", "-12.50"),
        ("2026-01-17", "-7.50"),
        currency=None,
    ),
    "Revolut, fee beside the amount": Layout(
        "Type,Product,Started Date,Completed Date,Description,Amount,Fee,Currency,State,Balance\n"
        "CARD_PAYMENT,Current,2026-01-04 12:30:00,2026-01-05 09:00:00,Bakery,-12.50,0.50,EUR,COMPLETED,987.00\n"
        "CARD_PAYMENT,Current,2026-01-06 12:30:00,,Shop,-20.00,0.00,EUR,PENDING,\n"
        "CARD_PAYMENT,Current,2026-01-06 12:40:00,,Shop,-20.00,0.00,EUR,REVERTED,\n",
        1,
        ("2026-01-05", "-13.00"),
        ("2026-01-05", "-13.00"),
        pending=1,
    ),
    "Wise statement": Layout(
        '"TransferWise ID",Date,Amount,Currency,Description,"Payment Reference","Running Balance","Exchange From",'
        '"Exchange To","Exchange Rate","Payer Name","Payee Name","Payee Account Number",Merchant,"Card Last Four Digits",'
        '"Card Holder Full Name",Attachment,Note,"Total fees"\n'
        'CARD-1,05-01-2026,-12.50,EUR,"Card transaction at Bakery",,987.50,,,,,,,Bakery,1234,Sam,,,0.00\n'
        'TRANSFER-2,16-01-2026,1000.00,EUR,"Received money",Salary,1987.50,,,,Work,,,,,,,,0.00\n',
        2,
        ("2026-01-05", "-12.50"),
        ("2026-01-16", "1000.00"),
        counterparty="Bakery",
    ),
    "PayPal": Layout(
        '"Date","Time","TimeZone","Name","Type","Status","Currency","Gross","Fee","Net","From Email Address",'
        '"To Email Address","Transaction ID","Balance Impact"\n'
        '"15/01/2026","12:30:00","CET","Shop","Express Checkout Payment","Completed","EUR","-20,00","0,00","-20,00","","","1A","Debit"\n'
        '"15/01/2026","12:29:00","CET","Shop","General Authorization","Pending","EUR","-20,00","0,00","-20,00","","","1B","Memo"\n'
        '"16/01/2026","12:30:00","CET","Buyer","Payment Received","Completed","EUR","1.100,00","-3,00","1.097,00","","","1C","Credit"\n',
        2,
        ("2026-01-15", "-20.00"),
        ("2026-01-16", "1097.00"),
        counterparty="Shop",
        pending=1,
    ),
    "OCBC, texts on a line of their own": Layout(
        'Account details for:,FRANK Account 501-123456-001\nAvailable Balance,"1,234.56"\n\nTransaction History\n'
        "Transaction date,Value date,Description,Withdrawals (SGD),Deposits (SGD)\n"
        '15/01/2026,15/01/2026,DEBIT PURCHASE,12.50,\n,,15/01/26 BAKERY\n16/01/2026,16/01/2026,SALARY,,"1,000.00"\n',
        2,
        ("2026-01-15", "-12.50"),
        ("2026-01-16", "1000.00"),
        currency="SGD",
        account="501123456001",
    ),
    "Erste (HU), a point after dates": Layout(
        "Tranzakció dátuma,Partner neve,Partner számlaszáma,Számla neve,Számlaszám,Tranzakció típusa,Tranzakció összege,"
        "Tranzakció devizaneme,Bevétel/Kiadás,Értéknap,Egyenleg,Devizanem\n"
        "2026.01.05.,Pékség,,Folyószámla,11600006-00000000-12345676,Kártya,-1250,HUF,outflow,2026.01.05.,98750,HUF\n",
        1,
        ("2026-01-05", "-1250"),
        ("2026-01-05", "-1250"),
        currency="HUF",
        account="116000060000000012345676",
        counterparty="Pékség",
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_of_banks_are_supported(name: str) -> None:
    """Dates, signs, currency, account and counterparty are as the bank means them."""
    layout, left_out = LAYOUTS[name], LeftOut()
    found = bookings(layout.text.encode(layout.encoding), left_out)
    assert len(found) == layout.count
    for booking, (day, amount) in ((found[0], layout.first), (found[-1], layout.last)):
        assert (str(booking.day), booking.amount) == (day, Decimal(amount))
        assert booking.currency == layout.currency
    assert found[0].account.number == layout.account
    assert found[0].counterparty == (layout.counterparty or found[0].counterparty)
    assert reasons(left_out).get("Pending", 0) == layout.pending


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_any_unicode_encoding_is_read(encoding: str) -> None:
    """With and without a byte order mark."""
    text = LAYOUTS["DKB until 2023"].text
    assert bookings(text.encode(encoding)) == bookings(text.encode("utf-8"))


def test_texts_over_several_lines_or_columns_are_joined() -> None:
    """They become one text."""
    assert (
        bookings(LAYOUTS["OCBC, texts on a line of their own"].text)[0].description == "DEBIT PURCHASE 15/01/26 BAKERY"
    )
    text = LAYOUTS["Crédit Agricole, labels of several lines"].text
    assert bookings(text)[0].description == "PAIEMENT PAR CARTE BOULANGERIE 04/01"
