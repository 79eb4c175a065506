"""More CSV statements as banks write them, with values that add up: each loses or doubles something if it is misread."""

import io
from decimal import Decimal

import pytest
from tests.unit.sources.banks.statements import bookings, reasons

from privateshare.sources.banks.source import SOURCES
from privateshare.sources.failures import LeftOut
from privateshare.sources.recognition import recognise

# The text, its encoding, how many bookings there are, what they add up to, and what is left out.
STATEMENTS = {
    "airbank": (
        '"Datum provedení";"Směr úhrady";"Typ úhrady";"Skupina plateb";"Měna účtu";"Částka v měně účtu";"Poplatek v měně účtu";"Název protistrany";"Číslo účtu protistrany";"Zpráva pro příjemce"\n'
        '"05/01/2026";"Odchozí";"Platba kartou";"";"CZK";"-125,00";"";"PEKÁRNA";"";""\n',
        "cp1250",
        1,
        "-125.00",
        {},
    ),
    "amex de": (
        "Datum,Beschreibung,Karteninhaber,Konto #,Betrag\n"
        '05/01/2026,BAECKEREI,MAX,-11001,"12,50"\n'
        '16/01/2026,ZAHLUNG ERHALTEN. BESTEN DANK.,MAX,-11001,"-500,00"\n',
        "utf-8",
        2,
        "487.50",
        {},
    ),
    "amex uk": (
        "Date,Description,Amount,Extended Details,Appears On Your Statement As,Address,Town/City,Postcode,Country,Reference,Category\n"
        "05/01/2026,BAKERY LONDON,12.50,,BAKERY,1 ST,LONDON,N1,UNITED KINGDOM,'AT1',Restaurants\n"
        "16/01/2026,PAYMENT RECEIVED - THANK YOU,-500.00,,PAYMENT,,,,,'AT2',\n",
        "utf-8",
        2,
        "487.50",
        {},
    ),
    "anz nz": (
        "Type,Details,Particulars,Code,Reference,Amount,Date,ForeignCurrencyAmount,ConversionCharge\n"
        "Visa Purchase,4111-****-****-1111  Df,BAKERY,,,-12.50,05/01/2026,,\n"
        "Salary,WORK,PAY,,,1000.00,16/01/2026,,\n",
        "utf-8",
        2,
        "987.50",
        {},
    ),
    "argenta": (
        "Rekening;Boekdatum;Valutadatum;Referentie;Beschrijving;Bedrag;Munt;Verrichtingsdatum;Rekening tegenpartij;Naam tegenpartij;Mededeling\n"
        "BE68539007547034;05-01-2026;05-01-2026;A1;Betaling;-12,50;EUR;04-01-2026;BE71096123456769;BAKKER;BROOD\n",
        "utf-8",
        1,
        "-12.50",
        {},
    ),
    "ASN, no header": (
        "05-01-2026,NL91ASNB0123456789,NL20INGB0001234567,bakker,,,,EUR,1000.00,EUR,-12.50,05-01-2026,05-01-2026,8810,BEA,123,,'brood',3\n"
        "16-01-2026,NL91ASNB0123456789,NL20INGB0001234567,werk,,,,EUR,987.50,EUR,1000.00,16-01-2026,16-01-2026,8810,OVS,124,,'loon',3\n"
        "17-01-2026,NL91ASNB0123456789,NL20INGB0001234567,koffie,,,,EUR,1987.50,EUR,-7.50,17-01-2026,17-01-2026,8810,BEA,125,,'koffie',3\n",
        "utf-8",
        3,
        "980.00",
        {},
    ),
    "belfius": (
        "Boekingsdatum vanaf;01/01/2026\n"
        "Boekingsdatum tot en met;31/01/2026\n"
        "\n"
        "Rekening;Boekingsdatum;Rekeninguittrekselnummer;Transactienummer;Rekening tegenpartij;Naam tegenpartij bevat;Straat en nummer;Postcode en plaats;Transactie;Valutadatum;Bedrag;Devies;BIC;Landcode;Mededelingen\n"
        "BE68539007547034;05/01/2026;;1;BE71096123456769;BAKKER;;;BETALING;05/01/2026;-12,50;EUR;X;BE;BROOD\n",
        "utf-8",
        1,
        "-12.50",
        {},
    ),
    "BNP Paribas, no header": (
        "Comptes de chèques;Comptes de chèques;****1234;31/01/2026;;1 987,50\n"
        "05/01/2026;ACHAT CARTE;FACTURE CARTE DU 040126 BOULANGERIE;-12,50\n"
        "16/01/2026;VIREMENT;VIR SEPA RECU SALAIRE;2000,00\n",
        "utf-8",
        2,
        "1987.50",
        {},
    ),
    "caixabank": (
        "Fecha;Fecha valor;Movimiento;Más datos;Importe;Saldo\n"
        "05/01/2026;05/01/2026;PANADERIA;COMPRA;-12,50EUR;987,50EUR\n"
        "16/01/2026;16/01/2026;NOMINA;EMPRESA;+1.000,00EUR;1.987,50EUR\n",
        "cp1252",
        2,
        "987.50",
        {},
    ),
    "citi": (
        "Status,Date,Description,Debit,Credit\n"
        'Cleared,01/05/2026,"BAKERY",12.50,\n'
        'Cleared,01/16/2026,"PAYMENT",,-500.00\n',
        "utf-8",
        2,
        "487.50",
        {},
    ),
    "CommBank, no header": (
        '05/01/2026,"-12.50","BAKERY SYDNEY","+987.50"\n'
        '16/01/2026,"+1000.00","SALARY","+1987.50"\n'
        '17/01/2026,"-7.50","COFFEE","+1980.00"\n',
        "utf-8",
        3,
        "980.00",
        {},
    ),
    "commerzbank": (
        "Buchungstag;Wertstellung;Umsatzart;Buchungstext;Betrag;Währung;Auftraggeberkonto;Bankleitzahl Auftraggeberkonto;IBAN Auftraggeberkonto;Kategorie\n"
        "05.01.2026;05.01.2026;Lastschrift;Bäckerei Brot;-12,5;EUR;0532013000;37040044;DE89370400440532013000;Unkategorisiert\n",
        "utf-8-sig",
        1,
        "-12.5",
        {},
    ),
    "consors": (
        "Buchung;Valuta;Sender / Empfänger;IBAN;BIC;Buchungstext;Verwendungszweck;Kategorie;Stichwörter;Umsatz geteilt;Betrag in EUR\n"
        "05.01.2026;05.01.2026;Bäckerei;DE02120300000000202051;X;Karte;Brot;Essen;;nein;-12,50\n",
        "utf-8",
        1,
        "-12.50",
        {},
    ),
    "deutsche bank de": (
        "Umsätze Girokonto;;;Kundennummer: 123 4567890\n"
        "01.01.2026 - 31.01.2026\n"
        "Letzter Kontostand;;;;1.000,00;EUR\n"
        "Vorgemerkte und noch nicht gebuchte Umsätze sind nicht Bestandteil dieser Übersicht.\n"
        "Buchungstag;Wert;Umsatzart;Begünstigter / Auftraggeber;Verwendungszweck;IBAN;BIC;Kundenreferenz;Mandatsreferenz;Gläubiger ID;Fremde Gebühren;Betrag;Abweichender Empfänger;Anzahl der Aufträge;Anzahl der Schecks;Soll;Haben;Währung\n"
        "5.1.2026;5.1.2026;Kartenzahlung;Bäckerei;Brot;DE02120300000000202051;X;;;;;;;;;-12,50;;EUR\n"
        "16.1.2026;16.1.2026;Gehalt;Werk;Lohn;DE02120300000000202051;X;;;;;;;;;;2.000,00;EUR\n"
        "Kontostand;31.1.2026;;;1.987,50;EUR\n",
        "cp1252",
        2,
        "1987.50",
        {},
    ),
    "deutsche bank en": (
        "Transactions Personal Account;;;Customer number: 123 4567890\n"
        "01/01/2026 - 01/31/2026\n"
        "Old balance:;;;;1,000.00;EUR\n"
        "Transactions pending are not included in this report.\n"
        "Booking date;Value date;Transaction Type;Beneficiary / Originator;Payment Details;IBAN;BIC;Customer Reference;Mandate Reference;Creditor ID;Compensation amount;Original Amount;Ultimate creditor;Number of transactions;Number of cheques;Debit;Credit;Currency\n"
        "01/05/2026;01/05/2026;Card payment;Bakery;Bread;DE02120300000000202051;X;;;;;;;;;-12.50;;EUR\n"
        "01/16/2026;01/16/2026;Salary;Work;Loan;DE02120300000000202051;X;;;;;;;;;;2,000.00;EUR\n"
        "Account balance;01/31/2026;;;1,987.50;EUR\n",
        "utf-8",
        2,
        "1987.50",
        {},
    ),
    "discover": (
        "Trans. Date,Post Date,Description,Amount,Category\n"
        "01/04/2026,01/05/2026,BAKERY,12.50,Restaurants\n"
        "01/16/2026,01/16/2026,INTERNET PAYMENT - THANK YOU,-500.00,Payments and Credits\n",
        "utf-8",
        2,
        "487.50",
        {},
    ),
    "dnb": (
        '"Dato";"Forklaring";"Rentedato";"Ut fra konto";"Inn på konto"\n'
        '"05.01.2026";"BAKERI";"05.01.2026";"12,50";""\n'
        '"16.01.2026";"LØNN";"16.01.2026";"";"1.000,00"\n',
        "cp1252",
        2,
        "987.50",
        {},
    ),
    "fineco": (
        "Conto Corrente: 1234567\n"
        "Intestazione Conto Corrente: ROSSI MARIO\n"
        "Periodo: 01/01/2026 - 31/01/2026\n"
        "\n"
        "Data,Entrate,Uscite,Descrizione,Descrizione_Completa,Stato,Moneymap\n"
        "05/01/2026,,-12.5,VISA DEBIT,Pag. del 04/01 PANIFICIO,Contabilizzato,Alimentari\n"
        "16/01/2026,1000,,Stipendio,Bonifico,Contabilizzato,Entrate\n",
        "utf-8",
        2,
        "987.5",
        {},
    ),
    "hdfc": (
        "  Date     ,Narration                ,Value Dat,Debit Amount       ,Credit Amount      ,Chq/Ref Number   ,Closing Balance\n"
        " 05/01/26  ,UPI-BAKERY               ,05/01/26 ,         12.50,          0.00,0000001         ,          987.50\n"
        " 16/01/26  ,SALARY                   ,16/01/26 ,          0.00,       1000.00,0000002         ,         1987.50\n",
        "utf-8",
        2,
        "987.50",
        {},
    ),
    "HSBC UK, no header": (
        '16/01/2026,SALARY,"1,000.00"\n05/01/2026,BAKERY,-12.50\n04/01/2026,COFFEE,-7.50\n',
        "utf-8",
        3,
        "980.00",
        {},
    ),
    "icici": (
        "S No.,Value Date,Transaction Date,Cheque Number,Transaction Remarks,Withdrawal Amount (INR ),Deposit Amount (INR ),Balance (INR )\n"
        "1,05/01/2026,05/01/2026,-,UPI/BAKERY,12.50,0.0,987.50\n"
        "2,16/01/2026,16/01/2026,-,SALARY,0.0,1000.0,1987.50\n",
        "utf-8",
        2,
        "987.50",
        {},
    ),
    "ing be": (
        "Numéro de compte;Nom du compte;Compte partie adverse;Numéro de mouvement;Date comptable;Date valeur;Montant;Devise;Libellés;Détails du mouvement;Message\n"
        "BE68539007547034;Compte à vue;BE71096123456769;1;05/01/2026;05/01/2026;-12,50;EUR;Paiement;BOULANGERIE;\n",
        "cp1252",
        1,
        "-12.50",
        {},
    ),
    "ingdiba": (
        "Umsatzanzeige;Datei erstellt am: 31.01.2026 12:00\n"
        "\n"
        "IBAN;DE89 3704 0044 0532 0130 00\n"
        "Kontoname;Girokonto\n"
        "Bank;ING\n"
        "Kunde;Max Muster\n"
        "Zeitraum;01.01.2026 - 31.01.2026\n"
        "Saldo;987,50;EUR\n"
        "\n"
        "Sortierung;Datum absteigend\n"
        "\n"
        "In der CSV-Datei finden Sie alle bereits gebuchten Umsätze. Die vorgemerkten Umsätze werden nicht aufgenommen, auch wenn sie in Ihrem Internetbanking angezeigt werden.\n"
        "\n"
        "Buchung;Valuta;Auftraggeber/Empfänger;Buchungstext;Verwendungszweck;Saldo;Währung;Betrag;Währung\n"
        "05.01.2026;05.01.2026;Bäckerei;Lastschrift;Brot;987,50;EUR;-12,50;EUR\n",
        "cp1252",
        1,
        "-12.50",
        {},
    ),
    "klarna like yyyymmdd": (
        '"Buchungstag","Betrag","Name"\n"2026/01/05","-12,50","X"\n',
        "utf-8",
        1,
        "-12.50",
        {},
    ),
    "lbp": (
        "Numéro Compte   ;1234567A020\n"
        "Type         ;CCP\n"
        "Compte tenu en  ;euros\n"
        "Date            ;31/01/2026\n"
        "Solde (EUROS)   ;1987,50\n"
        "Solde (FRANCS)  ;13036,85\n"
        "\n"
        "Date;Libellé;Montant(EUROS);Montant(FRANCS)\n"
        "16/01/2026;VIREMENT SALAIRE;2000,00;13119,14\n"
        "05/01/2026;ACHAT CB BOULANGERIE;-12,50;-82,00\n",
        "cp1252",
        2,
        "1987.50",
        {},
    ),
    "LCL, no header, ends with the balance": (
        "05/01/2026;-12,50;Carte;;CB BOULANGERIE 04/01/26;;0;Divers\n"
        "16/01/2026;2000,00;Virement;;VIR SALAIRE;;0;Divers\n"
        "31/01/2026;1987,50;;;01234 123456A\n",
        "utf-8",
        2,
        "1987.50",
        {"Uncertain": 1},
    ),
    "lloyds": (
        "Transaction Date,Transaction Type,Sort Code,Account Number,Transaction Description,Debit Amount,Credit Amount,Balance,\n"
        "16/01/2026,FPI,'30-12-34,12345678,SALARY,,1000.00,1987.50\n"
        "05/01/2026,DEB,'30-12-34,12345678,BAKERY,12.50,,987.50\n",
        "utf-8",
        2,
        "987.50",
        {},
    ),
    "n26 en old": (
        '"Date","Payee","Account number","Transaction type","Payment reference","Amount (EUR)","Amount (Foreign Currency)","Type Foreign Currency","Exchange Rate"\n'
        '"2026-01-05","Bakery","","MasterCard Payment","","-12.5","-12.5","EUR","1.0"\n'
        '"2026-01-16","Work","NL20INGB0001234567","Income","Salary","1000.0","","",""\n',
        "utf-8",
        2,
        "987.5",
        {},
    ),
    "natwest": (
        "Date, Type, Description, Value, Balance, Account Name, Account Number\n"
        "\n"
        '05/01/2026,POS,"\'BAKERY , LONDON GB",-12.50,987.50,"\'SMITH J","\'601234-12345678",\n'
        '16/01/2026,BAC,"\'SALARY",1000.00,1987.50,"\'SMITH J","\'601234-12345678",\n',
        "utf-8",
        2,
        "987.50",
        {},
    ),
    "nubank card": (
        "date,title,amount\n2026-01-05,Padaria,12.50\n2026-01-16,Pagamento recebido,-500.00\n",
        "utf-8",
        2,
        "487.50",
        {},
    ),
    "nubank conta": (
        "Data,Valor,Identificador,Descrição\n"
        "05/01/2026,-12.50,abc-1,Compra no débito - Padaria\n"
        "16/01/2026,1000.00,abc-2,Transferência recebida\n",
        "utf-8",
        2,
        "987.50",
        {},
    ),
    "paypal de": (
        '"Datum","Uhrzeit","Zeitzone","Name","Typ","Status","Währung","Brutto","Gebühr","Netto","Absender E-Mail-Adresse","Empfänger E-Mail-Adresse","Transaktionscode","Auswirkung auf Guthaben"\n'
        '"05.01.2026","10:00:00","CET","Laden","Zahlung","Abgeschlossen","EUR","-20,00","0,00","-20,00","","","1A","Soll"\n'
        '"16.01.2026","10:00:00","CET","Käufer","Zahlung erhalten","Abgeschlossen","EUR","1.100,00","-3,00","1.097,00","","","1B","Haben"\n',
        "utf-8",
        2,
        "1077.00",
        {},
    ),
    "postfinance": (
        "Datum von:;2026-01-01\n"
        "Datum bis:;2026-01-31\n"
        "Buchungsart:;Alle Buchungen\n"
        "Konto:;CH9300762011623852957\n"
        "Währung:;CHF\n"
        "\n"
        "Buchungsdatum;Avisierungstext;Gutschrift in CHF;Lastschrift in CHF;Valuta;Saldo in CHF\n"
        '31.01.2026;"KAUF/DIENSTLEISTUNG VOM 30.01.2026 BÄCKEREI";;-12.50;31.01.2026;987.50\n'
        '25.01.2026;"GIRO AUS KONTO WERK";1\'000.00;;25.01.2026;1000.00\n'
        "\n"
        "Disclaimer:\n"
        "Das Dokument wurde maschinell erstellt.\n",
        "cp1252",
        2,
        "987.50",
        {},
    ),
    "raiffeisen ch": (
        "IBAN;Booked At;Text;Credit/Debit Amount;Balance;Valuta Date\n"
        "CH9300762011623852957;2026-01-05 00:00:00.0;Bakery;-12.5;987.5;2026-01-05 00:00:00.0\n",
        "utf-8",
        1,
        "-12.5",
        {},
    ),
    "rbc": (
        '"Account Type","Account Number","Transaction Date","Cheque Number","Description 1","Description 2","CAD$","USD$"\n'
        'Chequing,01234-1234567,1/5/2026,,"BAKERY","TORONTO",-12.50,,\n'
        'Chequing,01234-1234567,1/16/2026,,"PAYROLL","",1000.00,,\n',
        "utf-8",
        2,
        "987.50",
        {},
    ),
    "revolut de": (
        "Art,Produkt,Datum des Beginns,Datum des Abschlusses,Beschreibung,Betrag,Gebühr,Währung,State,Kontostand\n"
        "Kartenzahlung,Aktuell,2026-01-04 10:00:00,2026-01-05 10:00:00,Bäckerei,-12.50,0.00,EUR,ABGESCHLOSSEN,987.50\n",
        "utf-8",
        1,
        "-12.50",
        {},
    ),
    "seb": (
        "Bokföringsdatum;Valutadatum;Verifikationsnummer;Text;Belopp;Saldo\n"
        "2026-01-05;2026-01-05;123;BAGERI;-12,50;987,50\n",
        "utf-8",
        1,
        "-12.50",
        {},
    ),
    "sg": (
        '="0123456789";05/01/2026;31/01/2026;2;31/01/2026;1987,50 EUR\n'
        "\n"
        "Date de l'opération;Libellé;Détail de l'écriture;Montant de l'opération;Devise\n"
        "05/01/2026;CARTE X1234;CARTE X1234 04/01 BOULANGERIE;-12,50;EUR\n"
        "16/01/2026;VIR RECU;VIR RECU SALAIRE;2000,00;EUR\n",
        "cp1252",
        2,
        "1987.50",
        {},
    ),
    "swedbank": (
        "* Transaktioner Period 2026-01-01 – 2026-01-31 Skapad 2026-01-31 12:00 CET\n"
        "Radnummer,Clearingnummer,Kontonummer,Produkt,Valuta,Bokföringsdag,Transaktionsdag,Valutadag,Referens,Beskrivning,Belopp,Bokfört saldo\n"
        "1,81059,123456789,Privatkonto,SEK,2026-01-05,2026-01-04,2026-01-05,BAGERI,Kortköp,-12.50,987.50\n",
        "cp1252",
        1,
        "-12.50",
        {},
    ),
    "TD, no header": (
        "01/05/2026,BAKERY,12.50,,987.50\n01/16/2026,PAYROLL,,1000.00,1987.50\n01/17/2026,COFFEE,7.50,,1980.00\n",
        "utf-8",
        3,
        "980.00",
        {},
    ),
    "ubs": (
        "Kontonummer:;0234 00123456.40;\n"
        "IBAN:;CH93 0076 2011 6238 5295 7;\n"
        "Von:;2026-01-01;\n"
        "Bis:;2026-01-31;\n"
        "Anfangssaldo:;1000.00;\n"
        "Schlusssaldo:;987.50;\n"
        "Bewertet in:;CHF;\n"
        "Anzahl Transaktionen in diesem Zeitraum:;1;\n"
        "\n"
        "Abschlussdatum;Abschlusszeit;Buchungsdatum;Valutadatum;Währung;Belastung;Gutschrift;Einzelbetrag;Saldo;Transaktions-Nr.;Beschreibung1;Beschreibung2;Beschreibung3;Fussnoten;\n"
        '2026-01-05;12:00:00;2026-01-05;2026-01-05;CHF;-12.50;;;987.50;1234567TI1;"Bäckerei";"Zahlung";"";;\n',
        "utf-8-sig",
        1,
        "-12.50",
        {},
    ),
    "volksbank fiducia": (
        "Volksbank Musterstadt\n"
        "\n"
        "Umsatzanzeige\n"
        "\n"
        "BLZ:;12345678;;Datum:;31.01.2026\n"
        "Konto:;1234567890;;Uhrzeit:;12:00:00\n"
        "Abfrage von:;Max Muster;;Kontoinhaber:;Max Muster\n"
        "\n"
        "Zeitraum:;Alle Umsätze;von:;01.01.2026;bis:;31.01.2026\n"
        "Betrag in EUR:;;von:;;bis:;\n"
        "Primanotanummer:;;\n"
        "Textschlüssel:;;\n"
        '"Buchungstag";"Valuta";"Auftraggeber/Zahlungsempfänger";"Empfänger/Zahlungspflichtiger";"Konto-Nr.";"IBAN";"BLZ";"BIC";"Vorgang/Verwendungszweck";"Kundenreferenz";"Währung";"Umsatz";" "\n'
        '"05.01.2026";"05.01.2026";"Max Muster";"Bäckerei";"";"DE02120300000000202051";"";"BYLADEM1001";"Kartenzahlung Brot";"";"EUR";"12,50";"S"\n'
        '"06.01.2026";"06.01.2026";"Werk AG";"Max Muster";"";"DE02120300000000202051";"";"BYLADEM1001";"Gehalt";"";"EUR";"2.000,00";"H"\n'
        "\n"
        '"31.01.2026";"";"";"";"";"";"";"";"Anfangssaldo";"";"EUR";"1.000,00";"H"\n'
        '"31.01.2026";"";"";"";"";"";"";"";"Endsaldo";"";"EUR";"2.987,50";"H"\n',
        "cp1252",
        2,
        "1987.50",
        {},
    ),
    "Targobank, no header": (
        "05.01.2026;Lastschrift BAECKEREI DE35;-12,50;;;;'DE67300209000000000001'\n"
        "06.01.2026;Lastschrift VEREIN DE34;-7,50;;;;'DE67300209000000000001'\n"
        "16.01.2026;Gutschrift WERK DE33;;1.000,00;;;'DE67300209000000000001'\n",
        "utf-8",
        3,
        "980.00",
        {},
    ),
    "Fidelity": (
        "Run Date,Account,Action,Symbol,Description,Type,Amount,Settlement Date\n"
        '01/05/2026,"CMA","DIRECT DEPOSIT (Cash)", ,"No Description",Cash,1000.00,\n'
        '01/02/2026,"CMA","DEBIT CARD PURCHASE BAKERY (Cash)", ,"No Description",Cash,-12.50,01/02/2026\n'
        ',"CMA","SOMETHING", ,"A text",Cash,-5.00,\n',
        "utf-8",
        2,
        "987.50",
        {"Uncertain": 1},
    ),
    "volksbank neu": (
        "Bezeichnung Auftragskonto;IBAN Auftragskonto;BIC Auftragskonto;Bankname Auftragskonto;Buchungstag;Valutadatum;Name Zahlungsbeteiligter;IBAN Zahlungsbeteiligter;BIC (SWIFT-Code) Zahlungsbeteiligter;Buchungstext;Verwendungszweck;Betrag;Waehrung;Saldo nach Buchung;Bemerkung;Kategorie;Steuerrelevant;Glaeubiger ID;Mandatsreferenz\n"
        "Girokonto;DE89370400440532013000;X;Volksbank;05.01.2026;05.01.2026;Bäckerei;DE02120300000000202051;X;Kartenzahlung;Brot;-12,50;EUR;987,50;;Sonstige;;;\n",
        "utf-8",
        1,
        "-12.50",
        {},
    ),
    "westpac": (
        "Bank Account,Date,Narrative,Debit Amount,Credit Amount,Balance,Categories,Serial\n"
        "032000123456,05/01/2026,BAKERY,12.50,,987.50,PAYMENT,\n"
        "032000123456,16/01/2026,SALARY,,1000.00,1987.50,DEP,\n",
        "utf-8",
        2,
        "987.50",
        {},
    ),
    "wise history": (
        'ID,Status,Direction,"Created on","Finished on","Source fee amount","Source fee currency","Target fee amount","Target fee currency","Source name","Source amount (after fees)","Source currency","Target name","Target amount (after fees)","Target currency","Exchange rate",Reference,Batch\n'
        'TRANSFER-1,COMPLETED,OUT,"2026-01-05 10:00:00","2026-01-05 10:01:00",0.50,EUR,,,Sam,12.00,EUR,Bakery,12.00,EUR,1.0,,\n'
        'TRANSFER-2,COMPLETED,IN,"2026-01-16 10:00:00","2026-01-16 10:01:00",0,EUR,,,Work,1000.00,EUR,Sam,1000.00,EUR,1.0,,\n'
        'TRANSFER-3,CANCELLED,OUT,"2026-01-17 10:00:00",,0,EUR,,,Sam,5.00,EUR,X,5.00,EUR,1.0,,\n',
        "utf-8",
        2,
        "987.50",
        {"NoMoneyMoved": 1},
    ),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_statements_add_up(name: str) -> None:
    """Each transaction occurs once, with the right sign, and no balance counts as a transaction."""
    text, encoding, count, total, left = STATEMENTS[name]
    left_out = LeftOut()
    found = bookings(text.encode(encoding), left_out)
    assert len(found) == count
    assert sum((booking.amount for booking in found), Decimal(0)) == Decimal(total)
    assert {str(booking.day)[:7] for booking in found} == {"2026-01"}
    assert reasons(left_out) == left


@pytest.mark.parametrize("name", STATEMENTS)
def test_statements_are_recognised_without_their_names(name: str) -> None:
    """As what they are, when a person uploads them without saying so: by their headers, or by their first row."""
    text, encoding, *_ = STATEMENTS[name]
    upload = SOURCES[0].info.upload
    assert upload is not None
    assert recognise(io.BytesIO(text.encode(encoding)), {348: upload.marks}).files


@pytest.mark.parametrize(
    "text",
    [
        "Title,Author,Date Read,My Rating\nIn the Sun,A,2026/01/05,5\n",
        "Date,Song,Artist\n2026-01-05,Total Eclipse,B\n2026-01-06,In,Out\n",
        "Name,Email\nTotal,in@example.org\n",
        "2026-01-05,Song,Artist\n2026-01-06,Other song,12.50 Dollars\n",
    ],
)
def test_other_tables_are_not_recognised_as_statements(text: str) -> None:
    """Not by one word that banks use too."""
    upload = SOURCES[0].info.upload
    assert upload is not None
    assert not recognise(io.BytesIO(text.encode()), {348: upload.marks}).files
