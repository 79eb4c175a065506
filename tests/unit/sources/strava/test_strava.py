"""Exports of Strava: in several languages, of several years, with files of all kinds, and without the table."""

import gzip
import io
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
from tests import fit_files
from tests.archives import zipped
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Connection, Page
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.strava.source import Strava

START = datetime(2026, 7, 21, 15, 9, 27, tzinfo=UTC)
MILLISECONDS = int(START.timestamp() * 1000)
ENGLISH = (
    "Activity ID,Activity Date,Activity Name,Activity Type,Activity Description,Elapsed Time,Distance,Max Heart Rate,"
    "Relative Effort,Commute,Activity Private Note,Activity Gear,Filename,Athlete Weight,Bike Weight,Elapsed Time,"
    "Moving Time,Distance,Max Speed,Average Speed,Elevation Gain,Elevation Loss,Elevation Low,Elevation High,Max Grade,"
    "Average Grade,Average Positive Grade,Average Negative Grade,Max Cadence,Average Cadence,Max Heart Rate,"
    "Average Heart Rate,Max Watts,Average Watts,Calories\n"
)
GERMAN = (
    "Aktivitäts-ID,Aktivitätsdatum,Name der Aktivität,Aktivitätsart,Aktivitätsbeschreibung,Verstrichene Zeit,Distanz,"
    "Max. Herzfrequenz,Relative Leistung,Pendeln,Hinweis,Aktivitätsausrüstung,Dateiname,Sportlergewicht,"
    "Fahrradgewicht,Verstrichene Zeit,Bewegungszeit,Distanz,Höchstgeschw.,Durchschnittliche Geschwindigkeit,Höhenzunahme\n"
)
PRECISE = "4600.0,4567.0,18962.8,10.4,4.15,110.0,113.6,,,,,,,90,80,171,150,,,640"


def export(rows: str, header: str = ENGLISH, files: dict[str, bytes] | None = None) -> bytes:
    return zipped(
        {"activities.csv": (header + rows).encode()}
        | {f"activities/{name}": data for name, data in (files or {}).items()}
    )


def read(data: bytes, left_out: LeftOut | None = None) -> dict[int, list[dict[str, Any]]]:
    """The objects of an export by type, each as its schema says."""
    connection = Connection(
        archive=io.BytesIO(data), provider_account_id="7", left_out=left_out if left_out is not None else LeftOut()
    )
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for page in Strava().fetch(connection, dict.fromkeys(Strava.info.object_types)):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found[page.object_type] += page.objects
    return found


def test_a_row_and_its_file_are_one_activity_and_its_route() -> None:
    """The precise values are in metres and seconds; the row says more than the file, which only gives the route."""
    row = f'77,"Jul 21, 2026, 3:09:27 PM","Lunch, fast",Run,"two\nlines",4600,18.96,171,,false,,,activities/900.fit.gz,,,{PRECISE}\n'
    found = read(export(row, files={"900.fit.gz": gzip.compress(fit_files.run(START))}))
    (activity,) = found[ObjectType.ACTIVITY]
    assert (activity["id"], activity["createddate"], activity["title"]) == ("77", MILLISECONDS, "Lunch, fast")
    assert (activity["distance"], activity["duration"], activity["calories"]) == (18.963, 4_567_000, 640)
    assert (activity["maxspeed"], activity["averageheartrate"], activity["runcadence"]) == (37.44, 150, 160)
    assert (activity["elevationgain"], activity["logtype"]) == (110, "device")
    (route,) = found[ObjectType.ROUTE]
    assert route["activityentityid"] == activity["entityid"] == "9021_7_77"


@pytest.mark.parametrize(
    ("header", "date", "kind", "name"),
    [
        (GERMAN, '"21.07.2026, 15:09:27"', "Lauf", "Run"),
        (GERMAN, '"21. Juli 2026, 15:09:27"', "Lauf", "Run"),
        (GERMAN.replace("Verstrichene Zeit", "Verstreken tijd"), '"21 jul. 2026, 15:09:27"', "Hardloopsessie", "Run"),
        (GERMAN.replace("Verstrichene Zeit", "Temps écoulé"), '"21 juil. 2026, 15:09:27"', "Course à pied", "Run"),
        (GERMAN.replace("Verstrichene Zeit", "経過時間"), "2026/07/21 15:09:27", "ラン", "ラン"),
    ],
)
def test_headers_and_dates_in_any_language_are_read(header: str, date: str, kind: str, name: str) -> None:
    """Columns are found by their positions, and numbers may have a comma."""
    row = f'77,{date},Abend,{kind},,1390,"2,81",190,,false,,,activities/900.gpx,,,1390,1300,"2810,0",,,\n'
    (activity,) = read(export(row, header))[ObjectType.ACTIVITY]
    assert (activity["createddate"], activity["activityname"]) == (MILLISECONDS, name)
    assert (activity["distance"], activity["duration"]) == (2.81, 1_300_000)


def test_the_short_table_of_older_exports_is_read() -> None:
    """It has no precise values, and the file at its end; rows that cannot be read are counted."""
    header = "Activity ID,Activity Date,Activity Name,Activity Type,Activity Description,Elapsed Time,Distance,Relative Effort,Commute,Activity Gear,Filename\n"
    rows = '5,"Jul 21, 2026, 3:09:27 PM",Old,Ride,,60,1.5,,false,,activities/5.fit\n6,soon,Bad,Ride,,60,1.5,,,,\n,,,,,,,,,,\nx\n'
    left_out = LeftOut()
    found = read(export(rows, header, {"5.fit": fit_files.run(START)}), left_out)
    assert [one["id"] for one in found[ObjectType.ACTIVITY]] == ["5"]
    assert found[ObjectType.ACTIVITY][0]["distance"] == 1.5
    assert found[ObjectType.ROUTE][0]["activityentityid"] == "9021_7_5"
    assert (left_out.read, left_out.count) == (1, 2)


def test_media_are_counted_and_planned_routes_are_not_read() -> None:
    """Other tables are named; the profile says whose the archive is."""
    data = zipped(
        {
            "export_7/profile.csv": b"Athlete ID,Email Address,First Name,Last Name\n7,a@example.org,Ada,B\n",
            "export_7/media.csv": b"Media Filename,Media Caption\nmedia/1.jpg,\nmedia/2.jpg,Top\n",
            "export_7/media/1.jpg": b"\xff\xd8",
            "export_7/routes/1.gpx": b"<gpx><rte/></gpx>",
            "export_7/bikes.csv": b"Bike Name,Bike Brand\nOld,One\n",
            "export_7/activities.csv": (ENGLISH + '77,"Jul 21, 2026, 3:09:27 PM",A,Run,,60,1\n').encode(),
        }
    )
    left_out = LeftOut()
    identity = Strava().identify(Connection(archive=io.BytesIO(data), left_out=left_out))
    assert (identity.provider_account_id, identity.display_name, identity.named) == ("7", "Ada B", True)
    assert str(left_out.unused["media"]).startswith("The export holds 2 photos")
    assert sorted(left_out.unused) == ["bikes.csv", "media"]
    assert (left_out.read, left_out.count) == (1, 0)


def test_files_without_their_table_are_activities_too() -> None:
    """If somebody packed only a part of the export."""
    found = read(zipped({"activities/900.fit.gz": gzip.compress(fit_files.run(START))}))
    assert len(found[ObjectType.ACTIVITY]) == len(found[ObjectType.ROUTE]) == 1
    identity = Strava().identify(Connection(archive=io.BytesIO(export('77,"Jul 21, 2026, 3:09:27 PM",A,Run,,60,1\n'))))
    assert not identity.named


def test_the_table_may_come_after_the_files_and_alone() -> None:
    """A damaged end of the table does not take the rest with it."""
    table = (ENGLISH + f'77,"Jul 21, 2026, 3:09:27 PM",A,Run,,60,1,,,,,,activities/9.fit,,,{PRECISE}\n').encode()
    late = read(zipped({"activities/9.fit": fit_files.run(START), "activities.csv": table}))
    assert late[ObjectType.ROUTE][0]["activityentityid"] == late[ObjectType.ACTIVITY][0]["entityid"]
    alone = read(table)
    assert alone[ObjectType.ACTIVITY] == late[ObjectType.ACTIVITY]
    left_out = LeftOut()
    damaged = read(zipped({"activities.csv": table + b'78,"' + b"x" * 200_000}), left_out)
    assert damaged[ObjectType.ACTIVITY] == alone[ObjectType.ACTIVITY]
    assert list(left_out.damaged) == ["activities.csv"]


def test_an_archive_of_several_athletes_is_refused() -> None:
    """It would mix their data."""
    profile = b"Athlete ID,Email,First,Last\n%d,a@example.org,Ada,B\n"
    files = {"a/profile.csv": profile % 7, "b/profile.csv": profile % 8, "b/activities/9.fit": fit_files.run(START)}
    with pytest.raises(Broken, match="several accounts"):
        Strava().identify(Connection(archive=io.BytesIO(zipped(files))))
