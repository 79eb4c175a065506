"""Chats as phones of many regions export them."""

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.archives import zipped
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Connection, Page
from privateshare.sources.failures import NOTES_OF_APP, Broken, LeftOut
from privateshare.sources.whatsapp.source import WhatsApp

MARK, NARROW = "\u200e", "\u202f"


def read(files: Mapping[str, str | bytes] | str, left_out: LeftOut | None = None) -> list[dict[str, Any]]:
    """The messages of a chat, or of several in a zip."""
    if isinstance(files, str):
        data = files.encode()
    else:
        data = zipped({name: text.encode() if isinstance(text, str) else text for name, text in files.items()})
    left_out = left_out if left_out is not None else LeftOut()
    connection = Connection(archive=io.BytesIO(data), provider_account_id="whatsapp", left_out=left_out)
    found: list[dict[str, Any]] = []
    for page in WhatsApp().fetch(connection, {ObjectType.MESSAGE: None}):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found += page.objects
    return found


def time_of(thing: dict[str, Any]) -> str:
    return f"{datetime.fromtimestamp(thing['createddate'] / 1000, UTC):%Y-%m-%d %H:%M:%S}"


# The header of a message on 4 March 2023 at 17:12, as phones of these regions write it, with {} for another day's number.
HEADERS = {
    "iPhone, Germany": "[{}.03.23, 17:12:00] ",
    "iPhone, USA": f"[3/{{}}/23, 5:12:00{NARROW}PM] ",
    "iPhone, Great Britain": "[{}/03/2023, 17:12:00] ",
    "iPhone, Sweden": "[2023-03-{}, 17:12:00] ",
    "iPhone, Netherlands": "[{}-03-2023 17:12:00] ",
    "iPhone, Spain": "[{}/3/23, 17:12:00] ",
    "iPhone, Mexico": "[{}/03/23, 5:12:00 p.m.] ",
    "iPhone, Japan": "[2023/03/{} 17:12:00] ",
    "iPhone, China": "[2023/3/{} 下午5:12:00] ",
    "iPhone, Vietnam": "[17:12:00, {}/3/2023] ",
    "iPhone, Egypt": "[{}‏/3‏/2023، 5:12:00 م] ",
    "iPhone, Australia": f"[{{}}/3/2023, 5:12:00{NARROW}pm] ",
    "Android, Germany": "{}.03.23, 17:12 - ",
    "Android, USA": f"3/{{}}/23, 5:12{NARROW}PM - ",
    "Android, India": "{}/03/23, 5:12 pm - ",
    "Android, Brazil": "{}/03/2023 17:12 - ",
    "Android, Italy": "{}/03/23, 17:12 - ",
    "Android, Spain": "{}/3/23 17:12 - ",
    "Android, Argentina": "{}/3/2023, 5:12 p. m. - ",
    "Android, Netherlands": "{}-03-2023 17:12 - ",
    "Android, Finland": "{}.3.2023 klo 17.12 - ",
    "Android, Denmark": "{}.03.2023 17.12 - ",
    "Android, Sweden": "2023-03-{} 17:12 - ",
    "Android, Hungary": "2023. 03. {}. 17:12 - ",
    "Android, Czechia": "{}.03.23 17:12 - ",
    "Android, Turkey": "{}.03.2023 17:12 - ",
    "Android, Russia": "{}.03.2023, 17:12 - ",
    "Android, Japan": "2023/03/{} 17:12 - ",
    "Android, Korea": "2023. 3. {}. 오후 5:12 - ",
    "Android, Taiwan": "2023/3/{} 下午5:12 - ",
    "Android, Thailand": "{}/3/2566 17:12 - ",
    "Android, South Africa": "2023/03/{}, 17:12 - ",
    "Android, Greece": "{}/3/23, 5:12 μ.μ. - ",
    "Android, Iran": "{}/3/2023, 17:12 - ",
}


@pytest.mark.parametrize("region", HEADERS)
def test_chats_of_all_regions_are_read(region: str) -> None:
    """The order of day and month is found from all dates of a chat."""
    header = HEADERS[region]
    chat = "\n".join(
        [
            f"{header.format('04')}{MARK}Messages and calls are end-to-end encrypted.",
            f"{header.format('04')}Ann: Hello: you 👋",
            "second line",
            "",
            "fourth line - 12:00",
            f"{header.format('05')}Björn Åberg: Ok",
            f"{header.format('28')}Ann: Bye",
        ]
    )
    left_out = LeftOut()
    first, second, third = read(chat, left_out)
    assert left_out.not_taken.total() == 1  # Nobody sent the first line.
    assert (first["sendername"], first["text"]) == ("Ann", "Hello: you 👋\nsecond line\n\nfourth line - 12:00")
    assert (second["sendername"], second["recipientnames"], third["text"]) == ("Björn Åberg", ["Ann"], "Bye")
    assert [time_of(one) for one in (first, second, third)] == [
        "2023-03-04 17:12:00",
        "2023-03-05 17:12:00",
        "2023-03-28 17:12:00",
    ]


def test_unclear_dates_are_refused() -> None:
    """A wrong month would be worse than none."""
    with pytest.raises(Broken, match="whether 02/03 is in February or in March"):
        WhatsApp().identify(Connection(archive=io.BytesIO(b"3/4/23, 17:12 - Ann: Hi\n3/4/23, 17:13 - Bo: Ho")))


def test_the_order_of_the_messages_shows_the_order_of_day_and_month() -> None:
    """A chat goes forward in time."""
    chat = "\n".join(f"{day}/23, 10:00 - Ann: {day}" for day in ("1/2", "2/2", "1/3", "2/3"))
    assert [time_of(one)[5:10] for one in read(chat)] == ["02-01", "02-02", "03-01", "03-02"]


def test_files_are_attachments() -> None:
    """As both kinds of phones name them, in any language. Notes that media are left out stay texts."""
    iphone = (
        f"{MARK}[04.03.23, 17:12:00] Ann: {MARK}<Anhang: 00000012-PHOTO-2023-03-04.jpg>\n"
        f"[04.03.23, 17:12:01] Ann: {MARK}Bild weggelassen\n[14.03.23, 17:12:01] Bo: a < b"
    )
    photo, omitted, plain = read({"_chat.txt": iphone, "00000012-PHOTO-2023-03-04.jpg": b"\xff\xd8"})
    assert photo["attachments"] == [{"name": "00000012-PHOTO-2023-03-04.jpg", "uri": "00000012-PHOTO-2023-03-04.jpg"}]
    assert (omitted["text"], plain["text"]) == ("Bild weggelassen", "a < b")
    android = f"14.03.23, 17:12 - Ann: {MARK}IMG-20230314-WA0001.jpg (Datei angehängt)\nLook!\n14.03.23, 17:13 - Bo: <Medien ausgeschlossen>"
    photo, omitted = read({"WhatsApp Chat mit Ann.txt": android})
    assert (photo["attachments"][0]["name"], photo["text"]) == ("IMG-20230314-WA0001.jpg", "Look!")
    assert omitted["text"] == "<Medien ausgeschlossen>"


def test_a_newer_export_repeats_no_message() -> None:
    """Equal messages of one minute are different ones. The same words in two chats are too."""
    older = "14.03.23, 17:12 - Ann: Hi\n14.03.23, 17:12 - Ann: Hi\n14.03.23, 17:13 - Bo: Ho\n"
    newer = older + "15.03.23, 17:12 - Ann: Hi\n"
    one, two = (
        read({name: text})
        for name, text in (("WhatsApp Chat with Ann.txt", older), ("WhatsApp Chat with Ann (1).txt", newer))
    )
    assert len({thing["entityid"] for thing in one}) == 3
    assert {thing["entityid"] for thing in one} < {thing["entityid"] for thing in two}
    other = older.replace("Bo", "Cleo")
    both = read({"a/_chat.txt": older, "b/_chat.txt": other})
    assert len({thing["entityid"] for thing in both}) == 6


def test_a_group_has_the_name_of_its_file() -> None:
    """Lines that nobody sent are no messages."""
    chat = "14.03.23, 17:11 - Ann created group “Trip: 2023”\n" + "".join(
        f"14.03.23, 17:1{number} - {name}: Hi\n" for number, name in enumerate(("Ann", "Bo", "~\u202fCleo"), start=2)
    )
    messages = read({"WhatsApp Chat - Trip/_chat.txt": chat})
    assert [one["sendername"] for one in messages] == ["Ann", "Bo", "Cleo"]
    assert {one["conversationname"] for one in messages} == {"WhatsApp Chat - Trip"}
    assert "recipientnames" not in messages[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_and_line_ends_of_other_programs_are_read(encoding: str) -> None:
    """Somebody may have opened and saved the file."""
    chat = "14.03.23, 17:12 - Ann: Grüße\r\nzwei\r\n14.03.23, 17:13 - Bo: Ho\r\n"
    assert [one["text"] for one in read({"chat.txt": chat.encode(encoding)})] == ["Grüße\nzwei", "Ho"]


@pytest.mark.parametrize("text", ["", "Hello", "Dear Ann,\n14 March 2023 was nice - really: nice", "a - b: c\n" * 50])
def test_other_texts_are_refused(text: str) -> None:
    """They are named as not needed if they are beside a chat."""
    left_out = LeftOut()
    chat = "14.03.23, 17:12 - Ann: Hi"
    assert len(read({"notes.txt": text, "chat.txt": chat}, left_out)) == 1
    assert list(left_out.unused) == ["notes.txt"]
    with pytest.raises(Broken):
        WhatsApp().identify(Connection(archive=io.BytesIO(zipped({"notes.txt": text.encode()}))))


def test_notes_of_the_app_are_counted() -> None:
    left_out = LeftOut()
    chat = (
        "14.03.23, 17:11 - Ann hat die Gruppe erstellt\n14.03.23, 17:12 - Ann: Hi\n14.03.23, 17:13 - Bo ist beigetreten"
    )
    assert len(read({"chat.txt": chat}, left_out)) == 1
    assert left_out.not_taken == {NOTES_OF_APP: 2}
