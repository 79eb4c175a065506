"""Mapped files as typed objects: what the platform's own sources deliver, and what providers do to fields."""

import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

import privateshare.objects
from privateshare import File, FileMetadata, InvalidAnswer, ObjectType
from privateshare.objects import (
    Artist,
    BodyComposition,
    Comment,
    DailyActivity,
    DataObject,
    FollowedArtist,
    Media,
    OtherObject,
    PlayHistory,
    Playlist,
    Post,
    Track,
    Transaction,
    VehicleTest,
    model_of,
)

MODELS = [
    kind
    for name in privateshare.objects.__all__
    if isinstance(kind := getattr(privateshare.objects, name), type) and issubclass(kind, DataObject)
]
PLAY = {
    "entityid": "19_1_2",
    "accountentityid": "19_1",
    "createddate": 1_700_000_000_123,
    "msplayed": 7,
    "track": {"id": "t", "name": "Song", "duration": 1000, "explicit": False, "artists": [{"name": "A", "genres": []}]},
}


def file(content: object, name: str = "18_5_19_1_406_D202601_1.json", **metadata: object) -> File:
    """A file as `read_file` gives it."""
    data = json.dumps(content).encode()
    return File(name, FileMetadata.model_validate(metadata), len(data), 1, data)


def unmodelled(thing: DataObject) -> set[str]:
    """The fields of an object, and of its parts, that its model does not have or could not take."""
    fields = {field.alias or name: name for name, field in type(thing).model_fields.items()}
    missing = {f"{type(thing).__name__}.{name}" for name in thing.raw if name not in fields}
    for wire, value in thing.raw.items():
        parsed = getattr(thing, fields.get(wire, ""), None)
        if value is not None and wire in fields and parsed is None:
            missing.add(f"{type(thing).__name__}.{wire}={value!r}")
        for part in parsed if isinstance(parsed, tuple) else (parsed,):
            missing |= unmodelled(part) if isinstance(part, DataObject) else set()
    return missing


@pytest.mark.parametrize("sample", ["default", "small"])
def test_models_have_all_fields_of_the_spotify_source(sample: str) -> None:
    """Every field of every object of its samples, with the right type."""
    registry = pytest.importorskip("privateshare.sources.registry", reason="sources need privateshare[server]")
    from privateshare.sources.contract import Connection

    pages = list(
        registry.Sources().connectable[16].fetch(Connection(sample=sample), dict.fromkeys((403, 404, 405, 406, 407)))
    )
    assert {page.object_type for page in pages} == {403, 404, 405, 406, 407}
    for page in pages:
        things = file(page.objects, f"18_5_19_1_{page.object_type}_1.json").objects()
        assert {type(thing) for thing in things} == {model_of(page.object_type)}
        assert set().union(*map(unmodelled, things)) == set()


def test_an_object_has_attributes_for_its_fields() -> None:
    """Words are separated, dates have a time zone, parts are typed, and the JSON is unchanged."""
    (play,) = file([PLAY], "any", objectType="playhistory").objects(PlayHistory)
    assert play.entity_id == "19_1_2"
    assert play.created_date == datetime(2023, 11, 14, 22, 13, 20, 123_000, UTC)
    assert play.track is not None
    assert (play.track.name, play.track.artists[0].name, play.track.artists[0].genres) == ("Song", "A", ())
    assert play.raw == PLAY
    assert play.raw["createddate"] == play.createddate == 1_700_000_000_123  # type: ignore[attr-defined]
    assert play.msplayed == 7  # type: ignore[attr-defined]  # a field that the model does not know
    with pytest.raises(AttributeError):
        play.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_objects_are_immutable_values() -> None:
    """They can be hashed, compared, copied and pickled."""
    play = PlayHistory.model_validate(PLAY)
    with pytest.raises(ValidationError):
        play.entity_id = "other"
    for same in (PlayHistory.model_validate(PLAY), copy.deepcopy(play), pickle.loads(pickle.dumps(play))):
        assert same == play
        assert hash(same) == hash(play)
        assert same.raw == PLAY
    assert repr(PlayHistory(track=Track(name="Song"))) == "PlayHistory(track=Track(name='Song'))"


@pytest.mark.parametrize(
    ("kind", "raw", "field", "value"),
    [
        (Post, {"originalpostid": 7, "islikeable": 1, "postreplycount": "3"}, "original_post_id", "7"),
        (Post, {"originalpostid": 7, "islikeable": 1, "postreplycount": "3"}, "post_reply_count", 3),
        (Post, {"islikeable": 1}, "is_likeable", True),
        (Comment, {"referenceentitytype": 2, "createddate": None}, "created_date", None),
        (Media, {"resources": [{"url": "u", "width": "640"}]}, "resources", "640"),
        (Transaction, {"amount": 12, "categoryid": 10}, "category_id", "10"),
        (Transaction, {"postdate": "2026-03-01"}, "post_date", datetime(2026, 3, 1, tzinfo=UTC)),
        (DailyActivity, {"createddate": -1}, "created_date", datetime(1969, 12, 31, 23, 59, 59, 999_000, UTC)),
        (DailyActivity, {"createddate": 10**20, "steps": 5}, "created_date", None),
        (DailyActivity, {"createddate": 10**20, "steps": 5}, "steps", 5),
        (DailyActivity, {"steps": "many", "floors": 2}, "steps", None),
        (BodyComposition, {"bodyFat": 20.5}, "body_fat", 20.5),
        (VehicleTest, {"advisorynotes": None}, "advisory_notes", ()),
        (PlayHistory, {"track": "a title"}, "track", None),
        (DataObject, {}, "entity_id", ""),
    ],
)
def test_fields_of_other_types_are_accepted(
    kind: type[DataObject], raw: Mapping[str, Any], field: str, value: Any
) -> None:
    """Numbers for text, text for numbers, 0 and 1 for booleans, absent fields; an unusable value is None."""
    thing = kind.model_validate(raw)
    found = getattr(thing, field)
    if field == "resources":
        assert str(found[0].width) == value
    else:
        assert found == value
    assert thing.raw == raw


def test_a_class_selects_files() -> None:
    """Files of other types yield nothing, so one line handles all files."""
    files = [file([PLAY], objectType="playhistory"), file([{"name": "A"}], objectType="followedartist")]
    assert [len(entry.objects(PlayHistory)) for entry in files] == [1, 0]
    assert [len(entry.objects(Artist)) for entry in files] == [0, 1]
    assert [type(thing) for entry in files for thing in entry.objects()] == [PlayHistory, FollowedArtist]
    assert file([PLAY]).objects(Playlist) == []
    assert file({"pushed": 1}, "a-file.json", mimetype="application/json").objects(PlayHistory) == []


def test_objects_without_a_model_have_attributes_too() -> None:
    """Nested ones too, and FHIR resources."""
    observation = {"resourceType": "Observation", "code": {"coding": [{"display": "Heart rate"}]}, "note": []}
    for entry in (
        file(
            [observation],
            "18_2_9001_1_132_1.json",
            objectType="observation",
            schema={"standard": "fhir", "version": "4.0.1"},
        ),
        file([observation], "18_4_18_1_305_1.json", objectType="stresssummary"),
        file([observation], "unheard-of.json", objectType="unheardof"),
    ):
        (thing,) = entry.objects()
        assert type(thing) is OtherObject
        assert thing.code.coding[0].display == "Heart rate"
        assert thing.note == []
        assert not hasattr(thing, "nothing")
        assert {"code", "resourceType"} <= set(dir(thing))
        assert pickle.loads(pickle.dumps(thing)).resourceType == "Observation"


@pytest.mark.parametrize("content", [{"a": 1}, [1], "text"])
def test_a_file_without_objects_is_an_error(content: object) -> None:
    """InvalidAnswer, as for other files that are not of the requested kind."""
    with pytest.raises(InvalidAnswer):
        file(content).objects()


@pytest.mark.parametrize("kind", MODELS, ids=lambda kind: kind.__name__)
def test_every_model_is_complete(kind: type[DataObject]) -> None:
    """It is described, all its fields may be absent, and no field has the name of a method."""
    assert kind.__doc__
    kind.model_validate({})
    assert not {name for name in kind.model_fields if hasattr(DataObject, name) and name not in DataObject.model_fields}
    assert kind.object_type is None or model_of(kind.object_type) is kind


def test_object_types_have_models() -> None:
    """Those for which objects are published."""
    known = {
        ObjectType.MEDIA,
        ObjectType.POST,
        ObjectType.TRANSACTION,
        ObjectType.PLAY_HISTORY,
        ObjectType.VEHICLE_TEST,
    }
    assert all(model_of(number) is not OtherObject for number in known)
    assert model_of(ObjectType.ADMISSION) is model_of(None) is model_of(-1) is OtherObject


def test_models_are_loaded_on_demand() -> None:
    """So that apps start fast."""
    script = "import sys, privateshare; privateshare.PrivateShare; print('privateshare.objects' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "False"
