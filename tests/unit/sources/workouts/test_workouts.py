"""Workouts in FIT, GPX, TCX, KML and KMZ, whole, damaged, packed, and of many devices."""

import gzip
import io
import struct
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests import fit_files
from tests.archives import zipped
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Connection, Page
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.workouts.fit import FitFault, FitRecordings, messages_of
from privateshare.sources.workouts.recording import MAX_POINTS, RecordedLine, sport_name
from privateshare.sources.workouts.source import WorkoutFiles

START = datetime(2026, 3, 4, 6, 30, tzinfo=UTC)
MILLISECONDS = int(START.timestamp() * 1000)

Found = dict[int, list[dict[str, Any]]]


def read(data: bytes, left_out: LeftOut | None = None) -> Found:
    """The objects of an upload by type, each as its schema says."""
    connection = Connection(
        archive=io.BytesIO(data),
        provider_account_id="workoutfiles",
        left_out=left_out if left_out is not None else LeftOut(),
    )
    found: Found = defaultdict(list)
    for page in WorkoutFiles().fetch(connection, dict.fromkeys(WorkoutFiles.info.object_types)):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found[page.object_type] += page.objects
    return found


def gpx(points: str, about: str = "", root: str = 'version="1.1" creator="My watch"') -> bytes:
    return (
        f'<?xml version="1.0"?>\n<gpx {root} xmlns="http://www.topografix.com/GPX/1/1">'
        f"<metadata><time>2020-01-01T00:00:00Z</time></metadata><trk>{about}<trkseg>{points}</trkseg></trk></gpx>"
    ).encode()


def gpx_point(second: int, latitude: float, more: str = "") -> str:
    return (
        f'<trkpt lat="{latitude}" lon="5.0"><ele>12.5</ele>'
        f"<time>{START + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S}.500Z</time>{more}</trkpt>"
    )


def test_a_fit_file_is_an_activity_and_its_route() -> None:
    """With what the session says, the offset from UTC of the activity, and the device."""
    found = read(fit_files.run(START))
    (activity,) = found[ObjectType.ACTIVITY]
    assert (activity["createddate"], activity["duration"]) == (MILLISECONDS, 600_000)
    assert (activity["activityname"], activity["activitytypeid"]) == ("Running", "running")
    assert (activity["distance"], activity["calories"], activity["averageheartrate"]) == (1.0, 99, 150)
    assert (activity["runcadence"], activity["starttimeoffset"]) == (170, 2 * 3_600_000)
    assert activity["source"] == {"name": "garmin"}
    (route,) = found[ObjectType.ROUTE]
    assert route["activityentityid"] == activity["entityid"]
    assert route["geometry"]["coordinates"][0] == [5.0, 52.0, 20.0]
    assert route["coordtimes"][:2] == [MILLISECONDS, MILLISECONDS + 60_000]


def test_each_session_of_a_triathlon_is_an_activity() -> None:
    """With the points of its own time."""
    later = START + timedelta(seconds=700)
    messages = [fit_files.file_id()]
    messages += [fit_files.point(START + timedelta(seconds=second)) for second in (0, 300, 600, 700, 900, 1200)]
    messages += [fit_files.session(START, 650), fit_files.session(later, 500, fit_files.CYCLING, 5000)]
    found = read(fit_files.fit(messages))
    assert [one["activityname"] for one in found[ObjectType.ACTIVITY]] == ["Running", "Cycling"]
    assert [len(one["coordtimes"]) for one in found[ObjectType.ROUTE]] == [3, 3]


def test_what_a_damaged_fit_file_still_has_is_read() -> None:
    """A watch whose battery died wrote no session and no end; the person hears that it is damaged."""
    points = [fit_files.point(START + timedelta(seconds=second), 52 + second / 10_000) for second in range(0, 100, 10)]
    whole = fit_files.fit([fit_files.file_id(), *points], 100_000)
    left_out = LeftOut()
    (activity,) = read(whole[:-7], left_out)[ObjectType.ACTIVITY]
    assert activity["duration"] == 80_000
    assert activity["averageheartrate"] == 140
    assert 0.8 < activity["distance"] < 1.0
    assert "damaged" in str(left_out.damaged["The file"])


def test_any_damage_of_a_fit_file_is_told() -> None:
    """Whichever byte is wrong, the other files are read."""
    points = [fit_files.point(START + timedelta(seconds=second)) for second in (0, 10)]
    whole = fit_files.fit([fit_files.file_id(), *points, fit_files.session(START, 10)])
    for position in range(len(whole)):
        for wrong in (0, 1, 255):
            damaged = io.BytesIO(whole[:position] + bytes([wrong]) + whole[position + 1 :])
            recordings = FitRecordings()
            with suppress(FitFault):
                for name, message in messages_of(damaged):
                    recordings.take(name, message)
            recordings.recordings()


@pytest.mark.parametrize(
    "data",
    [
        fit_files.fit([fit_files.message(fit_files.FILE_ID, [(0, fit_files.ENUM, 2)])]),
        fit_files.fit([fit_files.file_id(), fit_files.point(START)]),
        fit_files.fit([b"\x40\0\0\xff\xff\xff" + bytes(300)]),
        fit_files.fit([fit_files.session(datetime(1989, 12, 31, 1, tzinfo=UTC), 60)]),
        b"\x0e\x20" + bytes(6) + b".FIT" + bytes(range(200)),
        struct.pack("<BBHI4s", 12, 0x20, 2132, 0xFFFFFFFF, b".FIT") + b"\x40" + b"\xff" * 2000,
    ],
)
def test_fit_files_without_a_workout_are_refused(data: bytes) -> None:
    """Settings, a single point, garbage, and a watch whose clock was never set."""
    with pytest.raises(Broken):
        WorkoutFiles().identify(Connection(archive=io.BytesIO(data)))


def test_a_gpx_track_is_measured_along_its_points() -> None:
    """Pauses between segments do not count, and the extensions of watches for heart and cadence are read."""
    beats = (
        '<extensions><gpxtpx:TrackPointExtension xmlns:gpxtpx="x"><gpxtpx:hr>150</gpxtpx:hr>'
        "<gpxtpx:cad>80</gpxtpx:cad></gpxtpx:TrackPointExtension></extensions>"
    )
    points = gpx_point(0, 52.0, beats) + gpx_point(60, 52.002) + "</trkseg><trkseg>"
    points += gpx_point(600, 52.1) + gpx_point(660, 52.102)
    found = read(gpx(points, "<name>Früh &amp; kalt</name><type>trail_running</type>"))
    (activity,) = found[ObjectType.ACTIVITY]
    assert (activity["activityname"], activity["title"]) == ("Trail running", "Früh & kalt")
    assert activity["duration"] == 120_000
    assert 0.43 < activity["distance"] < 0.46
    assert (activity["averageheartrate"], activity["runcadence"]) == (150, 160)
    assert activity["source"] == {"name": "My watch"}
    assert len(found[ObjectType.ROUTE][0]["geometry"]["coordinates"]) == 4


def test_a_planned_route_is_counted_and_not_shared() -> None:
    """So is a track without times; places that are not on earth are dropped."""
    planned = b'<gpx><rte><rtept lat="1" lon="2"/></rte><trk><trkseg><trkpt lat="1" lon="2"/></trkseg></trk></gpx>'
    left_out = LeftOut()
    points = '<trkpt lat="x" lon="5"/><trkpt lat="95" lon="5"/><trkpt lat="nan" lon="5"/><trkpt lat="0" lon="0"/>'
    files = {"a.gpx": planned, "b.gpx": gpx(gpx_point(0, 52) + points + gpx_point(9, 52.001)), "c.gpx": gpx(points)}
    found = read(zipped(files), left_out)
    assert [len(one["geometry"]["coordinates"]) for one in found[ObjectType.ROUTE]] == [2]
    assert (left_out.read, left_out.not_taken.total(), list(left_out.unused)) == (1, 2, ["c.gpx"])


def test_planned_routes_keep_no_workout_from_being_read() -> None:
    """They are no loss, however many there are. Alone they are explained."""
    planned = b'<gpx><trk><trkseg><trkpt lat="1" lon="2"/><trkpt lat="1" lon="3"/></trkseg></trk></gpx>'
    files = {f"{number}.gpx": planned for number in range(9)}
    left_out = LeftOut()
    assert read(zipped(files | {"run.gpx": gpx(gpx_point(0, 52) + gpx_point(9, 52.001))}), left_out)
    assert (left_out.is_partial, left_out.not_taken.total()) == (False, 9)
    with pytest.raises(Broken, match="only tracks without times"):
        read(zipped(files))


def test_a_tcx_activity_has_the_sums_of_its_laps() -> None:
    """Indoors it has no points, and so no route."""
    lap = (
        '<Lap StartTime="{}"><TotalTimeSeconds>300.5</TotalTimeSeconds><DistanceMeters>1200</DistanceMeters>'
        "<MaximumSpeed>4.5</MaximumSpeed><Calories>80</Calories><MaximumHeartRateBpm><Value>171</Value>"
        "</MaximumHeartRateBpm><Track><Trackpoint><Time>2026-03-04T07:30:00+01:00</Time><HeartRateBpm>"
        "<Value>140</Value></HeartRateBpm><DistanceMeters>7</DistanceMeters></Trackpoint></Track></Lap>"
    )
    laps = lap.format("2026-03-04T06:30:00.000Z") + lap.format("2026-03-04T06:35:00Z")
    data = (
        '   <TrainingCenterDatabase xmlns="http://www.garmin.com/x"><Activities><Activity Sport="Biking">'
        f"<Id>2026-03-04T06:30:00Z</Id>{laps}<Creator><Name>Edge 530</Name></Creator></Activity></Activities>"
        "<Courses><Course><Name>Plan</Name></Course></Courses></TrainingCenterDatabase>"
    ).encode()
    left_out = LeftOut()
    found = read(data.lstrip(), left_out)
    (activity,) = found[ObjectType.ACTIVITY]
    assert (activity["duration"], activity["distance"], activity["calories"]) == (601_000, 2.4, 160)
    assert (activity["maxspeed"], activity["maxheartrate"]) == (16.2, 171)
    assert (activity["source"], left_out.not_taken.total()) == ({"name": "Edge 530"}, 1)
    assert not found[ObjectType.ROUTE]


KML = """<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2"><Document>
<Placemark><name>Home</name><Point><coordinates>5,52</coordinates></Point></Placemark>
<Placemark><name>Walk</name><gx:MultiTrack><gx:Track><when>2026-03-04T06:30:00Z</when>
<when>2026-03-04T06:40:00Z</when><gx:coord>5 52 1</gx:coord><gx:coord>5.001 52.001 2</gx:coord></gx:Track></gx:MultiTrack>
</Placemark><Placemark><TimeSpan><begin>2026-03-05T06:30:00Z</begin><end>2026-03-05T07:30:00Z</end></TimeSpan>
<name>Line</name><LineString><coordinates>5,52,0 5.1,52 bad 5.2,52,x</coordinates></LineString></Placemark></Document></kml>"""


def test_kml_tracks_and_lines_with_times_are_read_also_from_kmz_in_a_zip() -> None:
    """A place on a map is no workout."""
    alone = read(zipped({"doc.kml": KML.encode()}))
    inner = read(zipped({"tracks/monday.KMZ": zipped({"doc.kml": KML.encode(), "files/icon.png": b"png"})}))
    assert alone == inner
    walk, line = alone[ObjectType.ACTIVITY]
    assert (walk["title"], walk["duration"], line["title"], line["duration"]) == ("Walk", 600_000, "Line", 3_600_000)
    assert "coordtimes" in alone[ObjectType.ROUTE][0]
    assert alone[ObjectType.ROUTE][1]["geometry"]["coordinates"] == [[5.0, 52.0, 0.0], [5.1, 52.0]]
    assert "coordtimes" not in alone[ObjectType.ROUTE][1]


def test_a_zip_of_many_kinds_with_gzip_inside() -> None:
    """What is damaged or of another kind is named, and the rest is read; the same workout has one id, in any format."""
    left_out = LeftOut()
    files = {
        "a/1.fit.gz": gzip.compress(fit_files.run(START)),
        "a/2.fit": fit_files.run(START + timedelta(days=1)),
        "a/copy of 2.fit": fit_files.run(START + timedelta(days=1)),
        "a/3.gpx": gpx(gpx_point(0, 52) + gpx_point(60, 52.01))[:-30],
        "a/4.fit": b"no FIT at all",
        "a/notes.md": b"My notes",
        "a/photo.jpg": b"\xff\xd8",
        "more.kmz": b"PK\x03\x04 damaged",
    }
    found = read(zipped(files), left_out)
    assert len(found[ObjectType.ACTIVITY]) == 4
    assert len({one["entityid"] for one in found[ObjectType.ACTIVITY]}) == 2
    assert sorted(left_out.damaged) == ["3.gpx", "4.fit", "more.kmz"]
    assert list(left_out.unused) == ["notes.md"]


@pytest.mark.parametrize(
    "attack",
    [
        b'<!DOCTYPE gpx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><gpx><trk><name>&b;</name></trk></gpx>',
        b'<!DOCTYPE gpx [<!ENTITY x SYSTEM "file:///etc/passwd">]><gpx><trk><name>&x;</name></trk></gpx>',
        b'<!DOCTYPE gpx SYSTEM "http://127.0.0.1:1/x.dtd"><gpx/>',
        b"<gpx>" + b"<a>" * 5000,
        b"<gpx>" + b"x" * 5_000_000,
        b"<gpx" + b' a="1"' * 2 + b">",
        b"<gpx>\xff\xfe\xff</gpx>",
        b"<html><body>Sign in</body></html>",
    ],
)
def test_hostile_xml_is_refused(attack: bytes) -> None:
    """No entity is expanded, nothing is fetched, and depth and texts are limited."""
    with pytest.raises(Broken) as told:
        WorkoutFiles().identify(Connection(archive=io.BytesIO(attack)))
    assert "root:" not in str(told.value)


def test_an_entity_in_a_track_reads_no_file() -> None:
    """Where a document type stands before a good track, its entities are empty."""
    prolog = b'<!DOCTYPE gpx [<!ENTITY x SYSTEM "file:///etc/passwd"><!ENTITY y "why">]>'
    data = gpx(gpx_point(0, 52) + gpx_point(9, 52.1), "<name>A&x;B&y;</name>").replace(b'<?xml version="1.0"?>', prolog)
    for activity in read(data)[ObjectType.ACTIVITY]:
        assert "root" not in activity.get("title", "")


def test_a_line_of_any_length_needs_limited_memory() -> None:
    """Every second point is dropped, again and again; the distance is still that of all."""
    line = RecordedLine()
    for number in range(4 * MAX_POINTS):
        line.add(52 + number * 1e-6, 5.0, None, MILLISECONDS + number * 1000)
    assert MAX_POINTS / 2 <= len(line) <= MAX_POINTS
    assert line.moments[0] == MILLISECONDS
    assert 44 < line.kilometres < 45


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("TrailRun", "Trail run"),
        ("VIRTUAL_RIDE", "Virtual ride"),
        ("e-bike  ride", "E bike ride"),
        ("generic", "Workout"),
        ("", "Workout"),
        ("9", "9"),
    ],
)
def test_sports_have_names_in_plain_words(kind: str, name: str) -> None:
    assert sport_name(kind) == name


def test_fields_of_apps_do_not_replace_those_of_the_watch() -> None:
    """An app on a watch may name its own field `heart_rate` too, and write anything in it."""
    described = fit_files.message(207, [(3, fit_files.UINT8, 0)])
    name = b"heart_rate\0"
    fields = struct.pack("BBB", 0, 1, 2) + struct.pack("BBB", 1, 1, 2) + struct.pack("BBB", 2, 1, 2)
    fields += struct.pack("BBB", 3, len(name), 7)
    description = struct.pack("<BBBHB", 0x40, 0, 0, 206, 4) + fields + b"\0" + bytes((0, 0, 2)) + name
    points = [with_field_of_app(START + timedelta(seconds=second), 140, 9) for second in range(0, 601, 60)]
    found = read(fit_files.fit([fit_files.file_id(), described, description, *points]))
    assert found[ObjectType.ACTIVITY][0]["averageheartrate"] == 140


def with_field_of_app(moment: datetime, heart: int, value: int) -> bytes:
    """Return a point with a field of an app after those of the watch."""
    definition = struct.pack("<BBBHB", 0x60, 0, 0, fit_files.RECORD, 2) + bytes((253, 4, fit_files.UINT32, 3, 1, 2))
    return definition + bytes((1, 0, 1, 0)) + b"\0" + struct.pack("<IBB", fit_files.seconds(moment), heart, value)


@pytest.mark.parametrize("seconds", ["-600", "inf", "1e308", "nan", "x"])
def test_impossible_values_of_a_file_are_left_out(seconds: str) -> None:
    """The duration is that of the points then."""
    times = "".join(f"<Trackpoint><Time>2026-03-04T06:{minute}:00Z</Time></Trackpoint>" for minute in (10, 20))
    lap = (
        f"<TotalTimeSeconds>{seconds}</TotalTimeSeconds><DistanceMeters>1e12</DistanceMeters><Calories>1e99</Calories>"
    )
    lap = f'<Lap StartTime="2026-03-04T06:10:00Z">{lap}<Track>{times}</Track></Lap>'
    text = f'<Activity Sport="Running"><Id>2026-03-04T06:10:00Z</Id>{lap}</Activity>'
    data = f"<TrainingCenterDatabase><Activities>{text}</Activities></TrainingCenterDatabase>".encode()
    (activity,) = read(data)[ObjectType.ACTIVITY]
    assert activity["duration"] == 600_000
    assert not {"distance", "calories", "speed"} & activity.keys()


@pytest.mark.parametrize("before", [b"          ", b"\r\n\n", b"\xef\xbb\xbf \n"])
def test_spaces_before_the_declaration_do_no_harm(before: bytes) -> None:
    """XML allows nothing there, and Strava writes ten spaces."""
    left_out = LeftOut()
    found = read(before + gpx(gpx_point(0, 52) + gpx_point(9, 52.001)), left_out)
    assert (len(found[ObjectType.ACTIVITY]), left_out.is_partial) == (1, False)


def test_workouts_of_one_file_that_begin_at_once_are_two() -> None:
    """The same workout in another file is still the same activity."""
    track = gpx(gpx_point(0, 52) + gpx_point(9, 52.001))
    inner = track[track.index(b"<trk>") : track.index(b"</gpx>")]
    both = track.replace(b"</gpx>", inner.replace(b"52", b"51") + b"</gpx>")
    found = read(zipped({"both.gpx": both, "first.gpx": track}))
    assert len({one["entityid"] for one in found[ObjectType.ACTIVITY]}) == 2
    assert len({one["activityentityid"] for one in found[ObjectType.ROUTE]}) == 2


def test_waypoints_and_sessions_without_a_date_are_counted() -> None:
    """A watch whose clock was never set counts from when it was switched on."""
    left_out = LeftOut()
    places = b'<gpx><wpt lat="1" lon="2"><name>Hut</name></wpt><wpt lat="1" lon="3"/></gpx>'
    undated = fit_files.fit([fit_files.file_id(), fit_files.session(datetime(1989, 12, 31, 1, tzinfo=UTC), 60)])
    files = {"places.gpx": places, "run.gpx": gpx(gpx_point(0, 52) + gpx_point(9, 52.001)), "undated.fit": undated}
    assert len(read(zipped(files), left_out)[ObjectType.ACTIVITY]) == 1
    assert {kind.name: number for kind, number in left_out.not_taken.items()} == {
        "Waypoints": 2,
        "Tracks without times, such as planned routes": 1,
    }
    assert left_out.unused == {}
