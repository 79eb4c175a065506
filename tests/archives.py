"""Export archives that tests upload: real in form, invented in content."""

import gzip
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SYNTHEA = Path(__file__).parent / "data" / "synthea"
HISTORY = "Spotify Extended Streaming History/Streaming_History_Audio_2026_0.json"


def zipped(entries: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return packed.getvalue()


def play(number: int = 0, **changes: Any) -> dict[str, Any]:
    """One line of Spotify's extended streaming history."""
    return {
        "ts": f"2026-{1 + number % 9:02}-{1 + number % 28:02}T10:{number % 60:02}:00Z",
        "platform": "web_player linux",
        "ms_played": 200_000 + number,
        "conn_country": "AT",
        "ip_addr": "192.0.2.1",
        "master_metadata_track_name": f"Song {number % 7}",
        "master_metadata_album_artist_name": "Die Ärzte 🎸",
        "master_metadata_album_album_name": "An Album",
        "spotify_track_uri": f"spotify:track:{number % 7:022}",
        "episode_name": None,
        "episode_show_name": None,
        "spotify_episode_uri": None,
        "reason_start": "clickrow",
        "reason_end": "trackdone",
        "shuffle": False,
        "skipped": False,
        "offline": False,
        "offline_timestamp": None,
        "incognito_mode": False,
    } | changes


def spotify_zip(plays: Sequence[Mapping[str, Any]]) -> bytes:
    """An extended streaming history with one file of these plays."""
    return zipped({"Spotify Extended Streaming History/ReadMe.pdf": b"%PDF-1.7", HISTORY: json.dumps(plays).encode()})


def synthea(number: int) -> bytes:
    """The health record of an invented patient: a FHIR R4 Bundle."""
    return gzip.decompress((SYNTHEA / f"patient-{number}.json.gz").read_bytes())


def bundle(resources: Sequence[Mapping[str, Any]]) -> bytes:
    """A FHIR Bundle of these resources."""
    entries = [{"fullUrl": f"urn:uuid:{n}", "resource": resource} for n, resource in enumerate(resources)]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def small_record(values: int = 30) -> bytes:
    """A FHIR Bundle of a patient with so many values."""
    patient = {"resourceType": "Patient", "id": "p1", "name": [{"given": ["Ada"], "family": "Björk"}]}
    observations = [
        {"resourceType": "Observation", "id": f"o{n}", "effectiveDateTime": f"2026-0{1 + n % 9}-01", "valueInteger": n}
        for n in range(values)
    ]
    return bundle([patient, *observations])


def bank_statement(bookings: int = 30) -> bytes:
    """A zip with a bank's statement of so many bookings: CSV, or if they are many OFX, which is read faster."""
    days = [(f"2026{1 + number % 9:02}{1 + number % 28:02}", number) for number in range(bookings)]
    if bookings > 1000:
        listed = "".join(
            f"<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>{day}<TRNAMT>-{1 + number}.00<NAME>SHOP</STMTTRN>\n"
            for day, number in days
        )
        account = "<BANKACCTFROM><BANKID>ABNANL2A<ACCTID>NL91ABNA0417164300</BANKACCTFROM>"
        return zipped({"statement.ofx": f"OFXHEADER:100\n\n<OFX><STMTRS><CURDEF>EUR{account}{listed}</OFX>".encode()})
    rows = (f"{day};SHOP {number};-{1 + number},{number % 100:02};NL91ABNA0417164300" for day, number in days)
    text = "\n".join(["Datum;Omschrijving;Bedrag (EUR);Rekening", *rows])
    return zipped({"statement.csv": text.encode()})


def health_export(records: int = 30) -> bytes:
    """An export of Apple Health with so many records of steps and of heart rates."""
    both = (("StepCount", "count"), ("HeartRate", "count/min"))
    rows = (
        f'<Record type="HKQuantityTypeIdentifier{kind}" sourceName="Watch" unit="{unit}" value="{60 + number % 40}" '
        f'startDate="2026-03-{1 + number % 28:02} 10:{number % 60:02}:{number // 60 % 60:02} +0100" '
        f'endDate="2026-03-{1 + number % 28:02} 10:{number % 60:02}:{number // 60 % 60:02} +0100"/>'
        for kind, unit in both
        for number in range(records)
    )
    text = '<?xml version="1.0" encoding="UTF-8"?>\n<HealthData locale="en_NL">\n' + "\n".join(rows) + "\n</HealthData>"
    return zipped({"apple_health_export/export.xml": text.encode()})


def social_export(messages: int = 30) -> bytes:
    """A part of an export of Instagram or Facebook: a conversation with so many messages."""
    sent = [
        {"sender_name": "J\u00c3\u00b6", "timestamp_ms": 1_780_000_200_000 - number * 60_000, "content": f"Hi {number}"}
        for number in range(messages)
    ]
    thread = {"participants": [{"name": "J\u00c3\u00b6"}, {"name": "Ada"}], "messages": sent, "title": "J\u00c3\u00b6"}
    return zipped({"messages/inbox/jo_17/message_1.json": json.dumps(thread).encode()})


def post_archive(posts: int = 30) -> bytes:
    """An archive of X with so many posts."""
    listed = [
        {
            "tweet": {
                "id_str": str(2_000_000 + number),
                "created_at": "2026-03-04 05:06:07 +0000",
                "full_text": f"Hi {number}",
            }
        }
        for number in range(posts)
    ]
    return zipped({"data/tweets.js": b"window.YTD.tweets.part0 = " + json.dumps(listed).encode()})


def exported_chat(messages: int = 30) -> bytes:
    """A chat of WhatsApp with so many messages."""
    moments = (f"{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}" for number in range(messages))
    lines = (f"[{1 + number % 28:02}.03.26, {moment}] Ann: Hi {number}" for number, moment in enumerate(moments))
    return zipped({"_chat.txt": "\n".join(lines).encode()})


def watch_history(videos: int = 30) -> bytes:
    """A history of YouTube with so many videos."""
    watched = [
        {
            "header": "YouTube",
            "title": f"Watched Video {number}",
            "titleUrl": f"https://www.youtube.com/watch?v=vid{number:08}",
            "time": f"2026-03-{1 + number % 28:02}T10:{number % 60:02}:00Z",
        }
        for number in range(videos)
    ]
    return zipped({"Takeout/YouTube/history/watch-history.json": json.dumps(watched).encode()})


def timeline(visits: int = 30) -> bytes:
    """A timeline of Google with so many visits."""
    place = {"topCandidate": {"placeId": "p", "placeLocation": {"latLng": "48.1°, 11.5°"}}}
    start = datetime(2026, 1, 1, tzinfo=UTC)
    hours = (start + timedelta(hours=number) for number in range(visits))
    listed = [{"startTime": f"{hour:%FT%TZ}", "endTime": f"{hour:%FT%T}.5Z", "visit": place} for hour in hours]
    return zipped({"Timeline.json": json.dumps({"semanticSegments": listed}).encode()})


def conversations(number: int = 30) -> bytes:
    """An export of ChatGPT with so many conversations of one message."""
    listed = [
        {
            "title": "Bread",
            "create_time": 1_770_000_000 + one,
            "conversation_id": f"c{one}",
            "mapping": {f"m{one}": {"message": {"author": {"role": "user"}, "content": {"parts": ["Hi"]}}}},
        }
        for one in range(number)
    ]
    return zipped({"conversations.json": json.dumps(listed).encode()})


def viewing_activity(titles: int = 30) -> bytes:
    """The viewing activity of Netflix with so many titles."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    hours = (start + timedelta(minutes=number) for number in range(titles))
    rows = [f"Sam,{hour:%F %T},00:48:22,,Film {number},,TV" for number, hour in enumerate(hours)]
    header = "Profile Name,Start Time,Duration,Attributes,Title,Supplemental Video Type,Device Type"
    return zipped({"CONTENT_INTERACTION/ViewingActivity.csv": "\n".join([header, *rows]).encode()})


def mailbox(mails: int = 30) -> bytes:
    """An mbox file with so many mails, or if they are more than a thousand, with large attachments instead."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    part = "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: image/png\n\n"
    large = part + ("A" * 76 + "\n") * (mails // 16) + "--b--\n" if mails > 1000 else ""
    hours = (start + timedelta(minutes=number) for number in range(min(mails, 40)))
    listed = (
        f"From x@y {hour:%a %b %d %T %Y}\nDate: {hour:%a, %d %b %Y %T} +0000\nFrom: Ann <a@example.org>\n"
        f"Subject: Hi {number}\n" + (large or f"\nHello {number}\n")
        for number, hour in enumerate(hours)
    )
    return zipped({"Takeout/Mail/Inbox.mbox": "\n".join(listed).encode()})


def tracks(number: int = 30) -> bytes:
    """A GPX file with so many tracks of two points."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    hours = (start + timedelta(minutes=20 * one) for one in range(number))
    listed = "".join(
        f'<trk><type>walking</type><trkseg><trkpt lat="52.1" lon="5.1"><time>{hour:%FT%TZ}</time></trkpt>'
        f'<trkpt lat="52.11" lon="5.1"><time>{hour + timedelta(minutes=9):%FT%TZ}</time></trkpt></trkseg></trk>'
        for hour in hours
    )
    return zipped({"walks.gpx": f'<gpx creator="A watch">{listed}</gpx>'.encode()})
