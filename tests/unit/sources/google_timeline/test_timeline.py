"""Timelines of Google in the layouts of all years, from Takeout and from phones."""

import io
import json
from collections import defaultdict
from typing import Any

import pytest
from tests.archives import zipped
from tests.object_schemas import check_objects

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Connection, Page
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.google_timeline.source import GoogleTimeline

START, END = 1_700_000_000_000, 1_700_003_600_000
TIMES = {"startTime": "2023-11-14T22:13:20Z", "endTime": "2023-11-14T23:13:20.000Z"}


def read(content: Any, left_out: LeftOut | None = None, name: str = "x.json") -> dict[int, list[dict[str, Any]]]:
    """The objects of an export by type, each as its schema says."""
    data = zipped({name: json.dumps(content).encode()})
    left_out = left_out if left_out is not None else LeftOut()
    connection = Connection(archive=io.BytesIO(data), provider_account_id="timeline", left_out=left_out)
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for page in GoogleTimeline().fetch(connection, dict.fromkeys(GoogleTimeline.info.object_types)):
        assert isinstance(page, Page)
        check_objects(page.object_type, list(page.objects))
        found[page.object_type] += page.objects
    return found


VISITS = {
    "Takeout, milliseconds": {
        "timelineObjects": [
            {
                "placeVisit": {
                    "location": {"latitudeE7": 481000000, "longitudeE7": 115000000, "placeId": "P"},
                    "duration": {"startTimestampMs": str(START), "endTimestampMs": str(END)},
                }
            }
        ]
    },
    "Takeout": {
        "timelineObjects": [
            {
                "placeVisit": {
                    "location": {"latitudeE7": 481000000, "longitudeE7": 115000000, "placeId": "P"},
                    "duration": {"startTimestamp": TIMES["startTime"], "endTimestamp": TIMES["endTime"]},
                }
            }
        ]
    },
    "Android": {
        "semanticSegments": [
            TIMES | {"visit": {"topCandidate": {"placeId": "P", "placeLocation": {"latLng": "48.1°, 11.5°"}}}}
        ],
        "rawSignals": [{"position": {"LatLng": "48.1°, 11.5°"}}],
    },
    "iPhone": [TIMES | {"visit": {"topCandidate": {"placeID": "P", "placeLocation": "geo:48.1,11.5"}}}],
    "iPhone, time zone": [
        {
            "startTime": "2023-11-15T07:13:20.000+09:00",
            "endTime": "2023-11-15T08:13:20+09:00",
            "visit": {"topCandidate": {"placeID": "P", "placeLocation": "geo:48.100000,11.500000"}},
        }
    ],
}


@pytest.mark.parametrize("layout", VISITS)
def test_visits_of_all_layouts_are_one_visit(layout: str) -> None:
    """So an export of the phone adds no doubles to those of Takeout."""
    (visit,) = read(VISITS[layout])[ObjectType.PLACE_VISIT]
    assert (visit["entityid"], visit["createddate"], visit["enddate"]) == (f"9004_timeline_visit_{START}", START, END)
    assert (visit["latitude"], visit["longitude"], visit["placeid"]) == (48.1, 11.5, "P")


JOURNEYS = {
    "Takeout": {
        "timelineObjects": [
            {
                "activitySegment": {
                    "startLocation": {"latitudeE7": 481000000, "longitudeE7": 115000000},
                    "endLocation": {"latitudeE7": 482000000, "longitudeE7": 116000000},
                    "duration": {"startTimestamp": TIMES["startTime"], "endTimestamp": TIMES["endTime"]},
                    "distance": 1500,
                    "activityType": "IN_BUS",
                    "waypointPath": {"waypoints": [{"latE7": 481500000, "lngE7": 115500000}]},
                }
            }
        ]
    },
    "Android": {
        "semanticSegments": [
            TIMES
            | {
                "activity": {
                    "start": {"latLng": "48.1°, 11.5°"},
                    "end": {"latLng": "48.2°, 11.6°"},
                    "distanceMeters": 1500.0,
                    "topCandidate": {"type": "IN_BUS"},
                }
            },
            TIMES
            | {
                "timelinePath": [
                    {"point": "48.1°, 11.5°", "time": TIMES["startTime"]},
                    {"point": "48.2°, 11.6°", "time": TIMES["endTime"]},
                ]
            },
        ]
    },
    "iPhone": [
        TIMES
        | {
            "activity": {
                "start": "geo:48.1,11.5",
                "end": "geo:48.2,11.6",
                "distanceMeters": "1500.0",
                "topCandidate": {"type": "in bus"},
            }
        },
        TIMES
        | {
            "timelinePath": [
                {"point": "geo:48.1,11.5", "durationMinutesOffsetFromStartTime": "0"},
                {"point": "geo:48.2,11.6", "durationMinutesOffsetFromStartTime": "60"},
            ]
        },
    ],
}


@pytest.mark.parametrize("layout", JOURNEYS)
def test_journeys_of_all_layouts_are_read(layout: str) -> None:
    """With their routes."""
    found = read(JOURNEYS[layout])
    (journey,), (route,) = found[ObjectType.ACTIVITY], found[ObjectType.ROUTE]
    assert (journey["activityname"], journey["distance"], journey["duration"]) == ("in bus", 1.5, 3_600_000)
    assert (journey["startinglatitude"], journey["createddate"]) == (48.1, START)
    assert (route["geometry"]["coordinates"][0], route["geometry"]["coordinates"][-1]) == ([11.5, 48.1], [11.6, 48.2])
    assert (route["createddate"], route["enddate"]) == (START, END)


@pytest.mark.parametrize("key", ["timestampMs", "timestamp"])
def test_recorded_positions_are_a_route_for_each_day(key: str) -> None:
    """Old exports begin with the newest, and some have numbers without a sign."""

    def position(moment: str, latitude: int, longitude: int) -> dict[str, Any]:
        return {
            key: moment,
            "latitudeE7": latitude,
            "longitudeE7": longitude,
            "accuracy": 12,
            "activity": [{"activity": []}],
        }

    moments = (
        ["1700006400000", "1700000060000", "1700000000000"]
        if key == "timestampMs"
        else ["2023-11-15T00:00:00Z", "2023-11-14T22:14:20Z", "2023-11-14T22:13:20.000Z"]
    )
    content = {
        "locations": [
            position(moments[0], 481000000, 115000000),
            position(moments[1], 481000000, 4294967296 - 20000000),
            position(moments[2], 1, 2),
        ]
    }
    second, first = read(content, name="Takeout/Standortverlauf/Records.json")[ObjectType.ROUTE]
    assert (first["id"], second["id"]) == ("day_2023-11-14", "day_2023-11-15")
    assert first["coordtimes"] == [START, START + 60_000]
    assert first["geometry"]["coordinates"][1] == [-2.0, 48.1]


def test_unreadable_entries_are_counted() -> None:
    """The others are read. Settings are other data."""
    left_out = LeftOut()
    good = VISITS["iPhone"][0]  # type: ignore[index]
    found = read([good, TIMES | {"visit": {}}, {"startTime": "soon", "visit": {}}, {"a": 1}], left_out)
    assert len(found[ObjectType.PLACE_VISIT]) == 1
    assert (left_out.read, left_out.count) == (1, 3)
    with pytest.raises(Broken, match="holds no places"):
        GoogleTimeline().identify(
            Connection(archive=io.BytesIO(zipped({"Settings.json": b'{"hasReportedLocations": true}'})))
        )


def test_a_place_within_another_is_a_visit_of_its_own() -> None:
    """Both begin at the same time. One that cannot be read is counted, and does not take the other with it."""
    phone = [
        TIMES
        | {"visit": {"hierarchyLevel": level, "topCandidate": {"placeID": place, "placeLocation": "geo:48.1,11.5"}}}
        for level, place in (("0", "Mall"), ("1", "Shop"))
    ]
    position = {"latitudeE7": 481000000, "longitudeE7": 115000000}
    duration = {"startTimestamp": TIMES["startTime"], "endTimestamp": TIMES["endTime"]}
    visit = {
        "location": position | {"placeId": "Mall"},
        "duration": duration,
        "childVisits": [{"location": position | {"placeId": "Shop"}, "duration": duration}, {"location": {}}],
    }
    left_out = LeftOut()
    of_phone = read(phone)[ObjectType.PLACE_VISIT]
    of_takeout = read({"timelineObjects": [{"placeVisit": visit}]}, left_out)[ObjectType.PLACE_VISIT]
    assert {one["id"]: one["placeid"] for one in of_phone} == {one["id"]: one["placeid"] for one in of_takeout}
    assert sorted(one["placeid"] for one in of_phone) == ["Mall", "Shop"]
    assert (len({one["id"] for one in of_phone}), left_out.count) == (2, 1)
