"""Mail as many programs write it, in mbox files and in single messages."""

import base64
import io
import time
import tracemalloc
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from tests.archives import zipped
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.charsets import decoded
from privateshare.sources.contract import Connection, Page
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.html_text import text_of_html
from privateshare.sources.mail_file.source import MailFile
from privateshare.sources.recognition import recognise

GMAIL = "From 1661828917674532318@xxx Sun Mar 22 02:19:17 +0000 2020"
HEADERS = "Date: Sun, 22 Mar 2020 03:19:17 +0100\nFrom: Jo <jo@example.org>\nSubject: Hi\n"


def read(content: bytes | dict[str, bytes], left_out: LeftOut | None = None) -> list[dict[str, Any]]:
    """The mails of an upload, each as its schema says."""
    data = zipped(content) if isinstance(content, dict) else content
    connection = Connection(archive=io.BytesIO(data), left_out=left_out if left_out is not None else LeftOut())
    found: list[dict[str, Any]] = []
    for page in MailFile().fetch(connection, {ObjectType.MAIL: None}):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found += page.objects
    return found


def one(content: bytes) -> dict[str, Any]:
    (mail,) = read(content)
    return mail


def with_headers(*headers: bytes, body: bytes = b"Hello\n") -> bytes:
    return HEADERS.encode() + b"".join(header + b"\n" for header in headers) + b"\n" + body


def test_a_message_is_mapped_with_the_names_of_rfc_5322() -> None:
    """Dates are in UTC, and names are apart from addresses."""
    message = EmailMessage()
    message["Date"] = "Sun, 22 Mar 2020 03:19:17 +0100"
    message["From"] = "René Müller <rene@example.org>"
    message["To"] = '"Doe, Jane" <jane@example.org>, ada@example.org'
    message["Subject"] = "Grüße 🎸"
    message["Message-ID"] = "<a.1@example.org>"
    message["References"] = "<x@example.org> <y@example.org>"
    message["List-Id"] = "Birds <birds.example.org>"
    message.set_content("Schöne Grüße\n")
    message.add_alternative("<p>Schöne <b>Grüße</b></p>", subtype="html")
    message.add_attachment(bytes(1000), maintype="image", subtype="png", filename="Übersicht.png")
    mail = one(message.as_bytes())
    assert datetime.fromtimestamp(mail["createddate"] / 1000, UTC).isoformat() == "2020-03-22T02:19:17+00:00"
    assert mail["sender"] == {"name": "René Müller", "address": "rene@example.org"}
    assert mail["recipients"] == [{"name": "Doe, Jane", "address": "jane@example.org"}, {"address": "ada@example.org"}]
    assert (mail["subject"], mail["text"], mail["messageid"]) == ("Grüße 🎸", "Schöne Grüße", "a.1@example.org")
    assert mail["references"] == ["x@example.org", "y@example.org"]
    assert mail["attachments"] == [{"name": "Übersicht.png", "mimetype": "image/png", "size": 1000}]
    assert mail["listid"] == "Birds <birds.example.org>"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "separator",
    [
        GMAIL,
        "From - Tue Mar 14 10:00:00 2023",
        "From jo@example.org Sun Mar 22 02:19:17 2020",
        "From - ",
        "From ",
        "From jo@example.org",
    ],
)
def test_mbox_files_of_all_programs_are_split(separator: str, end: str) -> None:
    """Sentences that begin with "From" stay in the text, quoted or not."""
    text = "I come\n\nFrom here to 10:30 or so.\n>From there\n>>From deep\n\nFrom 2019 on"
    mails = (f"{separator}\n{HEADERS.replace('Hi', f'Hi {number}')}\n{text}\n" for number in range(3))
    found = read("\n".join(mails).replace("\n", end).encode())
    assert [mail["subject"] for mail in found] == ["Hi 0", "Hi 1", "Hi 2"]
    expected = text.replace(">From", "From").replace("\n", end)
    assert {mail["text"] for mail in found} == {expected}


def test_labels_and_threads_of_gmail_are_read() -> None:
    """Labels may have commas, quotes and encoded words."""
    labels = 'X-Gmail-Labels: =?UTF-8?Q?Posteingang,"A, B",Wichtig?='
    mail = one(f"{GMAIL}\nX-GM-THRID: 1661828917674532318\n{labels}\n{HEADERS}\nHello\n".encode())
    assert mail["labels"] == ["Posteingang", "A, B", "Wichtig"]
    assert mail["threadid"] == "1661828917674532318"


@pytest.mark.parametrize(
    ("header", "subject"),
    [
        (b"Subject: Gr\xfc\xdfe", "Grüße"),  # Raw Windows-1252.
        ("Subject: Grüße".encode(), "Grüße"),  # Raw UTF-8.
        (b"Subject: =?iso-8859-1?Q?Gr=FC=DFe?=", "Grüße"),
        (b"Subject: =?utf-8?B?R3LD?= =?utf-8?B?vMOfZQ==?=", "Grüße"),  # A letter is split between two words.
        (b"Subject: =?x-unknown?Q?Gr=FC=DFe?=", "Grüße"),
        (b"Subject: =?utf-8?Q?Gr=FC=DFe?=", "Grüße"),  # It says UTF-8, and is not.
        (b"Subject: =?ks_c_5601-1987?B?vsiz5w==?=", "안녕"),
        (b"Subject: =?gb2312?B?xOO6ww==?=", "你好"),
        (b"Subject: =?punycode?Q?abc?=", "abc"),
        (b"Subject: =?utf-8?B?A?=", "=?utf-8?B?A?="),  # It cannot be decoded.
        (b"Subject: =?utf-8?B?R3LDvM?=", "Grü"),  # Its end is missing.
        (b"Subject: a\n folded\n\tline", "a folded\tline"),
        (b"Subject: =?utf-7?Q?+2AA-?=", "?"),  # A lone surrogate.
        (b"Subject: nul\0", "nul"),
    ],
)
def test_subjects_in_any_character_set_are_read(header: bytes, subject: str) -> None:
    """The declared character set is often wrong or unknown."""
    assert one(b"Date: Sun, 22 Mar 2020 03:19:17 +0100\nFrom: a@b.c\n" + header + b"\n\nHi\n")["subject"] == subject


@pytest.mark.parametrize(
    ("headers", "body", "text"),
    [
        ((b"Content-Type: text/plain; charset=iso-8859-15",), b"20 \xa4", "20 €"),
        ((b"Content-Type: text/plain; charset=hex",), "Grüße".encode(), "Grüße"),
        ((b'Content-Type: text/plain; charset="utf-8',), "Grüße".encode(), "Grüße"),
        ((b"Content-Transfer-Encoding: quoted-printable",), b"Gr=C3=BC=\n=C3=9Fe =ZZ", "Grüße =ZZ"),
        ((b"Content-Transfer-Encoding: base64",), b"R3LDvMOfZQ", "Grüße"),
        ((b"Content-Transfer-Encoding: base64",), b"R3L!!DvM\nOfZQ===x", "Grüße"),
        ((b"Content-Type: text/html",), b"<p>Hi<br>you &amp; me</p><script>x</script>", "Hi\nyou & me"),
        ((b"Content-Type: text/html",), b"<" * 1000, ""),
        ((b"Content-Type: multipart/mixed",), b"There is no boundary", "There is no boundary"),
        ((b"Content-Type: nonsense",), b"Hello", "Hello"),
        ((b"Content-Type: text/plain; charset*=x''y%; name*9999999999999999999999=z",), b"Hello", "Hello"),
    ],
)
def test_bodies_with_odd_encodings_become_text(headers: tuple[bytes, ...], body: bytes, text: str) -> None:
    """What is damaged is passed over."""
    assert one(with_headers(*headers, body=body)).get("text", "").startswith(text)


def test_nested_messages_and_files_are_attachments() -> None:
    """Their text is not that of the message."""
    inner = with_headers(b'Content-Type: multipart/mixed; boundary="in"', body=b"--in\n\nInner\n--in--\n")
    parts = [
        b"Content-Type: multipart/alternative; boundary=alt\n\n--alt\n\nPlain\n--alt\nContent-Type: text/html\n\n<p>Page\n--alt--\n",
        b"Content-Type: message/rfc822\nContent-Description: Forwarded\n\n" + inner,
        b"Content-Type: text/plain\nContent-Disposition: attachment; filename*=utf-8''n%C3%B6te.txt\n\nA file",
        b"Content-Type: text/calendar\n\nBEGIN:VCALENDAR",
        b"Content-Type: text/plain\n\nFooter",
    ]
    body = b"Preamble\n" + b"".join(b"--out\n" + part + b"\n" for part in parts) + b"--out--\nEpilogue\n"
    mail = one(with_headers(b"Content-Type: multipart/mixed; boundary=out", body=body))
    assert mail["text"] == "Plain\n\nFooter"
    assert [attachment.get("name", "") for attachment in mail["attachments"]] == ["Forwarded", "nöte.txt", ""]


@pytest.mark.parametrize(
    ("headers", "day"),
    [
        (b"Date: Tue, 4 Mar 03 05:06:07 EST\n", "2003-03-04"),
        (b"Date: 4 Mar 2003 05:06 -0000\n", "2003-03-04"),
        (b"Date: yesterday\nReceived: by x with SMTP id y;\n Tue, 4 Mar 2003 05:06:07 GMT\n", "2003-03-04"),
        (b"Date: Thu, 01 Jan 1970 00:00:00 GMT\nReceived: by x; Tue, 4 Mar 2003 05:06:07 GMT\n", "2003-03-04"),
        (b"Date: Tue, 4 Mar 2099 05:06:07 GMT\n", "2020-03-22"),
        (b"", "2020-03-22"),
    ],
)
def test_dates_come_from_where_they_are_possible(headers: bytes, day: str) -> None:
    """Else from the servers that it came by, or from the mbox file."""
    mail = one(GMAIL.encode() + b"\nFrom: a@b.c\n" + headers + b"\nHello\n")
    assert f"{datetime.fromtimestamp(mail['createddate'] / 1000, UTC):%Y-%m-%d}" == day


def test_mail_without_a_date_is_counted() -> None:
    """Nobody could say whether it is in a time that was agreed to."""
    left_out = LeftOut()
    assert len(read({"a.eml": b"From: a@b.c\nSubject: x\n\nHi", "b.eml": with_headers()}, left_out)) == 1
    assert (left_out.read, left_out.count) == (1, 1)


@pytest.mark.parametrize(
    ("header", "people"),
    [
        (b"To: undisclosed-recipients:;", []),
        (b"To: friends: a@example.org, B <b@example.org>;", ["a@example.org", "b@example.org"]),
        (b"To: a@example.org; b@example.org", ["a@example.org", "b@example.org"]),
        (b"To: " + b"(" * 5000 + b" a@example.org", ["a@example.org"]),
        (b"To: <<a@example.org>>", ["a@example.org"]),
        (b"To: =?utf-8?Q?M=C3=BCller=2C_Jo?= <a@example.org>", ["a@example.org"]),
        (b"To: a@example.org\nTo: b@example.org", ["a@example.org", "b@example.org"]),
    ],
)
def test_odd_addresses_are_read(header: bytes, people: list[str]) -> None:
    """Groups, semicolons, comments without end, and several headers."""
    found = [person["address"] for person in one(with_headers(header)).get("recipients", []) if "address" in person]
    assert found == people


@pytest.mark.parametrize("line", [b"quite Delivered-To: x", b">From jo@example.org", b"__", b"\xff", b": x"])
def test_lines_among_the_headers_that_are_none_are_passed_over(line: bytes) -> None:
    """The headers behind them count, and spaces before a colon do not."""
    mail = one(b"From  : a@example.org\n" + line + b"\nDate\t: Sun, 22 Mar 2020 03:19:17 +0100\nSubject: Hi\n\nHello\n")
    assert (mail["sender"], mail["subject"], mail["text"]) == ({"address": "a@example.org"}, "Hi", "Hello")


def test_folders_of_programs_are_named() -> None:
    """Apple Mail has a folder with a file `mbox`, Thunderbird a file without an ending, Takeout one with."""
    mbox = f"{GMAIL}\n{HEADERS}\nHi\n".encode()
    for path, folder in (
        ("Export/Reisen.mbox/mbox", "Reisen"),
        ("Mail/Local Folders/Archives.sbd/2020", "2020"),
        ("Takeout/Mail/Alle E-Mails.mbox", "Alle E-Mails"),
        ("Letters/one.eml", "Letters"),
        ("Mail/cur/1585.M1P2.host:2,S", "Mail"),
    ):
        content = with_headers() if path.startswith(("Letters", "Mail/cur")) else mbox
        assert [mail["folder"] for mail in read({path: content, "Export/table_of_contents": b"x"})] == [folder]


def test_messages_of_apple_mail_end_before_its_notes() -> None:
    """A number of bytes precedes the message."""
    message = with_headers()
    mail = one(f"{len(message)}      \n".encode() + message + b'<?xml version="1.0"?><plist/>')
    assert mail["text"] == "Hello"


def test_messages_that_a_program_only_keeps_are_passed_over() -> None:
    """Thunderbird marks what was deleted, and servers keep notes in a message."""
    deleted = f"{GMAIL}\nX-Mozilla-Status: 0009\n{HEADERS}\nHi\n"
    internal = f"{GMAIL}\n{HEADERS.replace('Hi', 'DON&T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA').replace('&', chr(39))}\nx\n"
    kept = f"{GMAIL}\nX-Mozilla-Status: 0001\n{HEADERS}\nHi\n"
    assert len(read("\n".join((internal, deleted, kept)).encode())) == 1


def test_the_same_mail_in_two_files_is_one() -> None:
    """A newer export replaces what it repeats; other mail with the same id is another."""
    mail = with_headers(b"Message-ID: <a@b>")
    other = mail.replace(b"Subject: Hi", b"Subject: Ho")
    ids = [
        found["entityid"] for found in read({"a.eml": mail, "b.mbox": GMAIL.encode() + b"\n" + mail, "c.eml": other})
    ]
    assert (len(ids), len(set(ids))) == (3, 2)


def test_large_attachments_are_counted_and_not_held() -> None:
    """Memory does not grow with them."""
    encoded = base64.encodebytes(bytes(8_000_000))
    file = b'--b\nContent-Type: video/mp4; name="a.mp4"\nContent-Transfer-Encoding: base64\n\n' + encoded
    data = with_headers(b"Content-Type: multipart/mixed; boundary=b", body=file + b"--b--\n")
    tracemalloc.start()
    mail = one(data)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
    assert mail["attachments"] == [{"name": "a.mp4", "mimetype": "video/mp4", "size": 8_000_000}]


def test_long_texts_are_cut() -> None:
    """And the object says so."""
    mail = one(with_headers(body=b"word " * 300_000))
    assert mail["istruncated"]
    assert 900_000 < len(mail["text"]) <= 1024 * 1024


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"!BDN\0\0\0\0", "file of Outlook"),
        (b"BEGIN:VCARD\nFN:x\nEND:VCARD\n", "holds no e-mail"),
        (b"From here on\nthings: went well\n", "holds no e-mail"),
        (b"Hello\n", "holds no e-mail"),
    ],
)
def test_other_files_are_refused(data: bytes, message: str) -> None:
    """With what to do."""
    with pytest.raises(Broken, match=message):
        MailFile().identify(Connection(archive=io.BytesIO(data)))


@pytest.mark.parametrize("depth", [1, 40, 500])
def test_parts_in_parts_have_a_limit(depth: int) -> None:
    """Deeply nested parts neither fail nor take long."""
    body = b""
    for level in range(depth):
        body += b"--b%d\nContent-Type: multipart/mixed; boundary=b%d\n\n" % (level, level + 1)
    mail = one(with_headers(b"Content-Type: multipart/mixed; boundary=b0", body=body + b"--b%d\n\nDeep\n" % depth))
    assert "Deep" in mail["text"]


def test_text_of_pages_and_odd_encodings() -> None:
    """The parts that the tests above do not reach."""
    assert text_of_html("<div>a</div><div>b <i>c</i></div>\n\n<ul><li>d") == "a\n\nb c\n\nd"
    assert text_of_html("<div>" * 3000 + "x") in ("x", "")
    assert decoded(b"\xff\xfe", "utf-16") == ""
    assert decoded(b"abc", "\0") == "abc"


@pytest.mark.parametrize("words", [b"10:00 ", b"2000 "])
def test_long_lines_that_look_like_separators_take_no_time(words: bytes) -> None:
    """A sentence that begins with "From" can be as long as its writer likes."""
    start = time.process_time()
    body = b"From " + words * 10_000 + b"\n"
    found = read(b"From a@b Mon Apr  3 10:00:00 2023\n" + with_headers(b"From: a@b.c", body=body * 3))
    assert len(found) == 1
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("text", "is_mail"),
    [
        ("Recieved: by x\n\twith y\nFrom: a@example.org\nDate: Mon, 5 Jan 2026 09:00:00 +0000\n\nHi", True),
        ("Thread-Topic: a\r\nMessage-ID: <1@x>\r\nFrom: a@example.org\r\n\r\nHi", True),
        ("Shopping: milk\nFrom: the farm\n\nBread", False),
        ("note: Date: tomorrow", False),
    ],
)
def test_messages_are_recognised_whatever_field_comes_first(text: str, is_mail: bool) -> None:
    upload = MailFile().info.upload
    assert upload is not None
    assert bool(recognise(io.BytesIO(text.encode()), {9010: upload.marks}).files) is is_mail


@pytest.mark.parametrize("written", ["; a=b", '; "', ";a*{}=b"])
def test_headers_with_very_many_parameters_are_not_taken_apart(written: str) -> None:
    """Each part of a message could have one, which takes seconds to read. The message is read as plain text."""
    parameters = "".join(written.format(number) for number in range(10_000))
    mail = one(with_headers(f"Content-Type: text/html; charset=utf-16{parameters}".encode(), body=b"<p>Hello</p>\n"))
    assert mail["text"] == "<p>Hello</p>"


def test_messages_that_end_without_a_blank_line_are_apart() -> None:
    """Netscape and Thunderbird begin each with a dash instead of a sender. In a text, a header has to follow."""
    message = "From - \nFrom: a@example.org\nDate: Mon, 5 Jan 2026 09:0{0}:00 +0000\n\nText {0}\nFrom -\nhere on\n"
    found = read("".join(message.format(number) for number in range(3)).encode())
    assert [one["text"].split()[:2] for one in found] == [["Text", str(number)] for number in range(3)]
    assert all("here on" in one["text"] for one in found)
