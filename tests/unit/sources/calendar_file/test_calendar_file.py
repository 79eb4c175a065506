"""Calendars of many programs: repetitions, time zones, whole days, tasks, and lines that are damaged."""

import io
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.archives import zipped
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.calendar_file.source import CalendarFile
from privateshare.sources.contract import Connection, Page
from privateshare.sources.failures import OLDER, Broken, LeftOut

OWN_ZONE = """BEGIN:VTIMEZONE
TZID:Our zone
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
"""


def read(content: str | bytes | dict[str, bytes], left_out: LeftOut | None = None) -> list[dict[str, Any]]:
    """The events of an upload, each as its schema says."""
    content = content.replace("\n", "\r\n").encode() if isinstance(content, str) else content
    data = zipped(content) if isinstance(content, dict) else content
    connection = Connection(archive=io.BytesIO(data), left_out=left_out if left_out is not None else LeftOut())
    found: list[dict[str, Any]] = []
    for page in CalendarFile().fetch(connection, {ObjectType.EVENT: None}):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found += page.objects
    return found


def one(lines: str, around: str = "") -> dict[str, Any]:
    (event,) = read(f"BEGIN:VCALENDAR\nVERSION:2.0\n{around}BEGIN:VEVENT\n{lines}\nEND:VEVENT\nEND:VCALENDAR\n")
    return event


def utc(milliseconds: int) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M}"


def test_an_event_of_google_is_mapped() -> None:
    """With its people, its place and its text without escapes."""
    event = one(
        "DTSTART;TZID=Europe/Berlin:20260322T101500\nDTEND;TZID=Europe/Berlin:20260322T111500\nUID:a@google.com\n"
        'ORGANIZER;CN="Doe, Jane":mailto:jane@example.org\nATTENDEE;ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;'
        "CN=Jo;X-NUM-GUESTS=0:MAILTO:jo@example.org\nDESCRIPTION:Line\\nTwo\\, and\n  more\nLOCATION:Here\\; there\n"
        "STATUS:TENTATIVE\nSUMMARY:Grüße\nCATEGORIES:A\\,B,C\nGEO:48.1;11.5\nTRANSP:OPAQUE\n"
        "LAST-MODIFIED:20260101T000000Z\nBEGIN:VALARM\nDESCRIPTION:Alarm\nTRIGGER:-P1D\nEND:VALARM",
        "X-WR-CALNAME:Home\n",
    )
    assert (utc(event["createddate"]), utc(event["enddate"])) == ("2026-03-22 09:15", "2026-03-22 10:15")
    assert (event["start"], event["end"], event["timezone"]) == (
        "2026-03-22T10:15:00",
        "2026-03-22T11:15:00",
        "Europe/Berlin",
    )
    assert (event["title"], event["description"], event["location"]) == ("Grüße", "Line\nTwo, and more", "Here; there")
    assert event["organizer"] == {"name": "Doe, Jane", "address": "jane@example.org"}
    assert event["attendees"] == [{"name": "Jo", "address": "jo@example.org", "status": "accepted"}]
    assert (event["categories"], event["calendarname"], event["status"]) == (["A,B", "C"], "Home", "tentative")
    assert (event["latitude"], event["kind"], event["transparency"]) == (48.1, "event", "opaque")
    assert "isallday" not in event


@pytest.mark.parametrize(
    ("tzid", "around", "name", "moment"),
    [
        ("Europe/Berlin", "", "Europe/Berlin", "08:00"),
        ('"W. Europe Standard Time"', "", "Europe/Berlin", "08:00"),
        ("w. europe standard time", "", "Europe/Berlin", "08:00"),
        ("/freeassociation.sourceforge.net/Europe/Berlin", "", "Europe/Berlin", "08:00"),
        ("/citadel.org/20190214_1/America/Argentina/Ushuaia", "", "America/Argentina/Ushuaia", "13:00"),
        ("Our zone", OWN_ZONE, "Our zone", "08:00"),
        (
            "Our zone",
            OWN_ZONE.replace("TZID:Our zone\n", "TZID:Our zone\nX-LIC-LOCATION:Europe/Oslo\n"),
            "Europe/Oslo",
            "08:00",
        ),
        ("Our zone", OWN_ZONE.replace("BYDAY=-1SU", "BYDAY=nonsense"), "Our zone", "10:00"),
        ('"(UTC+02:00) Athens, Bucharest"', "", "(UTC+02:00) Athens, Bucharest", "08:00"),
        ("GMT-0330", "", "GMT-0330", "13:30"),
        ("Nowhere", "", "Nowhere", "10:00"),
        ("../../etc/passwd", "", "../../etc/passwd", "10:00"),
        ("Europe", "", "Europe", "10:00"),
    ],
)
def test_time_zones_of_all_programs_are_found(tzid: str, around: str, name: str, moment: str) -> None:
    """Times in zones that nobody knows are as in UTC."""
    event = one(f"UID:a\nDTSTART;TZID={tzid}:20260701T100000", around)
    assert (event["timezone"], utc(event["createddate"])) == (name, f"2026-07-01 {moment}")


def test_a_zone_that_is_defined_behind_its_events_is_found() -> None:
    """Some programs write them last."""
    text = f"BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nDTSTART;TZID=Our zone:20260101T100000\nEND:VEVENT\n{OWN_ZONE}END:VCALENDAR\n"
    assert utc(read(text)[0]["createddate"]) == "2026-01-01 09:00"


@pytest.mark.parametrize(
    ("lines", "start", "end", "is_day"),
    [
        ("DTSTART;VALUE=DATE:20260329", "2026-03-29", "2026-03-30", True),
        ("DTSTART:20260329\nDTEND:20260401", "2026-03-29", "2026-04-01", True),
        ("DTSTART;VALUE=DATE:20260329T000000\nDURATION:P2D", "2026-03-29", "2026-03-31", True),
        ("DTSTART:20260329T100000Z\nDURATION:PT1H30M", "2026-03-29T10:00:00", "2026-03-29T11:30:00", None),
        ("DTSTART:20260329T100000\nDURATION:nonsense", "2026-03-29T10:00:00", "2026-03-29T10:00:00", None),
        ("DTSTART:20260329T100000Z\nDTEND:20260328T100000Z", "2026-03-29T10:00:00", "2026-03-29T10:00:00", None),
        ("DTSTART:2026-03-29T10:00:00+0200", "2026-03-29T10:00:00", "2026-03-29T10:00:00", None),
        ("DTSTART:99991231\nDURATION:P9D", "9999-12-31", "9999-12-31", True),
        ("DTSTART;VALUE=DATE:16040312\nX-APPLE-OMIT-YEAR:1604", "1604-03-12", "1604-03-13", True),
    ],
)
def test_beginnings_and_ends_in_all_forms(lines: str, start: str, end: str, is_day: bool | None) -> None:
    """An event without an end is as long as iCalendar says."""
    event = one(f"UID:a\n{lines}")
    assert (event["start"], event["end"], event.get("isallday")) == (start, end, is_day)


def test_repetitions_are_rules_and_changed_ones_are_objects() -> None:
    """Nothing is invented: each object is in the file."""
    text = (
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nDTSTART;TZID=Europe/Berlin:20260323T100000\nSUMMARY:Choir\n"
        "RRULE:FREQ=WEEKLY;UNTIL=20270101T000000Z\nEXDATE;TZID=Europe/Berlin:20260330T100000,20260406T100000\n"
        "EXDATE:20260413T080000Z\nRDATE;VALUE=PERIOD:20260401T080000Z/PT1H\nEND:VEVENT\n"
        "BEGIN:VEVENT\nUID:a\nRECURRENCE-ID:20260420T080000Z\nDTSTART;TZID=Europe/Berlin:20260421T100000\nSUMMARY:Choir, later\n"
        "END:VEVENT\nEND:VCALENDAR\n"
    )
    series, changed = read(text)
    assert series["recurrence"] == "FREQ=WEEKLY;UNTIL=20270101T000000Z"
    assert series["recurrenceexceptions"] == ["2026-03-30T10:00:00", "2026-04-06T10:00:00", "2026-04-13T10:00:00"]
    assert series["recurrencedates"] == ["2026-04-01T10:00:00"]
    assert (changed["recurrenceid"], changed["uid"]) == ("2026-04-20T10:00:00", "a")
    assert series["entityid"] != changed["entityid"]
    again = read(text.replace("RECURRENCE-ID:20260420T080000Z", "RECURRENCE-ID;TZID=Europe/Berlin:20260420T100000"))
    assert [event["entityid"] for event in again] == [series["entityid"], changed["entityid"]]


def test_what_was_called_off_says_so() -> None:
    """Either the event or the whole file says it."""
    assert one("UID:a\nDTSTART:20260329\nSTATUS:CANCELLED")["status"] == "cancelled"
    assert one("UID:a\nDTSTART:20260329\nSTATUS:CONFIRMED", "METHOD:CANCEL\n")["status"] == "cancelled"


def test_tasks_are_when_they_are_due() -> None:
    """Else when they begin, or were written."""
    text = (
        "BEGIN:VCALENDAR\nBEGIN:VTODO\nUID:a\nDUE:20260329T100000Z\nCREATED:20260101T000000Z\nSUMMARY:Buy bread\nEND:VTODO\n"
        "BEGIN:VTODO\nUID:b\nCREATED:20260102T000000Z\nSUMMARY:Rest\nEND:VTODO\nBEGIN:VJOURNAL\nUID:c\nEND:VJOURNAL\nEND:VCALENDAR\n"
    )
    left_out = LeftOut()
    tasks = read(text, left_out)
    assert [(task["kind"], utc(task["createddate"])[:10]) for task in tasks] == [
        ("task", "2026-03-29"),
        ("task", "2026-01-02"),
    ]
    assert (left_out.read, left_out.count) == (2, 0)


def test_damaged_events_do_not_take_the_others_along() -> None:
    """They are counted."""
    text = (
        'BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nDTSTART:20260329\nNONSENSE\n;:\nSUMMARY;X="a:b\nSUMMARY:Good\nEND:VEVENT\n'
        "BEGIN:VEVENT\nUID:b\nDTSTART:20261399\nEND:VEVENT\nBEGIN:VEVENT\nUID:c\nSUMMARY:No date\nEND:VEVENT\n"
        "BEGIN:VEVENT\nUID:d\nDTSTART:20260329\nBEGIN:VEVENT\nUID:e\nDTSTART:20260330\nEND:VEVENT\n"
        "END:VALARM\nBEGIN:VEVENT\nUID:f\nDTSTART:20260329"
    )
    left_out = LeftOut()
    assert [event["uid"] for event in read(text, left_out)] == ["a", "e"]
    assert (left_out.read, left_out.count) == (2, 4)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_files_in_other_encodings_are_read(encoding: str, end: str) -> None:
    """And with the ends of lines of other systems."""
    text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nDTSTART:20260329\nSUMMARY:Grüße\nEND:VEVENT\nEND:VCALENDAR\n"
    assert [event["title"] for event in read(text.replace("\n", end).encode(encoding))] == ["Grüße"]


def test_letters_that_were_folded_in_the_middle_are_whole() -> None:
    """Lines are folded after 75 bytes, whatever these are."""
    data = b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:20260329\r\nSUMMARY:Gr\xc3\r\n \xbc\xc3\x9fe\r\nEND:VEVENT\r\n"
    assert read(data)[0]["title"] == "Grüße"


def test_vcalendar_1_of_old_phones_is_read() -> None:
    """Its texts are quoted-printable, and go on in the next line after an equals sign."""
    event = one("DTSTART:20030329T100000Z\nSUMMARY;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:Gr=FC=\n=DFe\nUID:a")
    assert event["title"] == "Grüße"


def test_calendars_without_a_name_have_that_of_their_file() -> None:
    """And files of something else are passed over."""
    left_out = LeftOut()
    text = b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260329\nEND:VEVENT\n"
    found = read({"Takeout/Calendar/Chor.ics": text, "a.vcf": b"BEGIN:VCARD\nEND:VCARD\n"}, left_out)
    assert (found[0]["calendarname"], list(left_out.unused)) == ("Chor", ["a.vcf"])
    assert found[0]["uid"]


@pytest.mark.parametrize(
    "data", [b"Hello", b"BEGIN:VCARD\nEND:VCARD\n", b"BEGIN:VCALENDAR\nEND:VCALENDAR\n", b"\xff\xfe"]
)
def test_other_files_are_refused(data: bytes) -> None:
    """With what to do."""
    with pytest.raises(Broken, match="holds no events"):
        CalendarFile().identify(Connection(archive=io.BytesIO(data)))


def test_an_older_event_does_not_replace_a_newer_one() -> None:
    """An upload may hold an older export after a newer one."""
    event = "BEGIN:VEVENT\nUID:1\nDTSTART:20240101T000000Z\nSUMMARY:{0}\nLAST-MODIFIED:{1}\nEND:VEVENT\n"
    old, new = event.format("Old", "20200101T000000Z"), event.format("New", "20240101T000000Z")
    for order in (old + new, new + old):
        assert read(f"BEGIN:VCALENDAR\n{order}END:VCALENDAR\n")[-1]["title"] == "New"


@pytest.mark.parametrize("order", [(1, 0), (0, 1)])
def test_the_version_that_was_changed_most_often_is_the_event(order: tuple[int, int]) -> None:
    """Whatever comes first. The others are counted."""
    event = "BEGIN:VEVENT\nUID:1\nDTSTART:2024010{0}T000000Z\nSUMMARY:Version {0}\nSEQUENCE:{0}\nEND:VEVENT\n"
    left_out = LeftOut()
    found = read(f"BEGIN:VCALENDAR\n{''.join(map(event.format, [n + 1 for n in order]))}END:VCALENDAR\n", left_out)
    assert [one["title"] for one in found] == ["Version 2"]
    assert (left_out.read, dict(left_out.not_taken)) == (1, {OLDER: 1})


def test_events_to_which_a_program_gave_one_id_stay_several() -> None:
    """Their ids do not depend on their order. The same event twice is one."""
    event = "BEGIN:VEVENT\nUID:1\nDTSTART:20240101T{0}0000Z\nSUMMARY:At {0}\nEND:VEVENT\n"
    found, turned = (
        read(f"BEGIN:VCALENDAR\n{''.join(map(event.format, hours))}END:VCALENDAR\n")
        for hours in (("10", "11", "12"), ("12", "11", "10", "10"))
    )
    assert [one["title"] for one in found] == ["At 10", "At 11", "At 12"]
    assert {one["uid"] for one in found} == {"1"}
    assert {one["id"]: one["title"] for one in turned} == {one["id"]: one["title"] for one in found}
    assert len({one["id"] for one in found}) == 3


def test_a_time_that_is_called_a_date_stays_a_time() -> None:
    """Except midnight."""
    found = [one(f"UID:1\nDTSTART;VALUE=DATE:20240101T{time}00") for time in ("1030", "0000")]
    assert [event["start"] for event in found] == ["2024-01-01T10:30:00", "2024-01-01"]


def test_rules_of_long_ago_are_those_of_today() -> None:
    """Summer time of a zone that a file defines, also in its first years and in the southern hemisphere."""
    south = (
        OWN_ZONE.replace("BYMONTH=10", "BYMONTH=x").replace("BYMONTH=3", "BYMONTH=10").replace("BYMONTH=x", "BYMONTH=3")
    )
    for zone, summer in ((OWN_ZONE, 7), (south, 1)):
        for year in (1975, 2026):
            hours = [
                utc(one(f"UID:1\nDTSTART;TZID=Our zone:{year}{month:02}15T120000", zone)["createddate"])[11:13]
                for month in (1, 7)
            ]
            assert hours == (["11", "10"] if summer == 7 else ["10", "11"]), (zone, year)


def test_an_event_that_was_changed_impossibly_often() -> None:
    """Anybody can send such an invitation. The others are read."""
    events = "".join(
        f"BEGIN:VEVENT\nUID:{number}\nDTSTART:20260101T100000Z\nSUMMARY:x\nSEQUENCE:{number}\nEND:VEVENT\n"
        for number in ("1", "9" * 5000)
    )
    assert len(read(f"BEGIN:VCALENDAR\nVERSION:2.0\n{events}END:VCALENDAR\n")) == 2


@pytest.mark.parametrize("rules", ["BEGIN:STANDARD\n" * 60_000, "BEGIN:STANDARD\n" + "\n" * 1_000_000])
def test_a_time_zone_without_end_takes_no_time(rules: str) -> None:
    """It is looked through once."""
    began = time.process_time()
    event = one(
        "UID:1\nSUMMARY:x\nDTSTART;TZID=Our zone:20260101T100000",
        f"BEGIN:VTIMEZONE\nTZID:Our zone\n{rules}END:VTIMEZONE\n",
    )
    assert event["createddate"] is not None
    assert time.process_time() - began < 10
