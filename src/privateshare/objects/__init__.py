"""Typed models of the objects in mapped files, as `file.objects()` returns them.

There is one module for each service group. FHIR resources, and object types without a model, are `OtherObject`s.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, get_args

from pydantic import ValidationError

from privateshare.errors import InvalidAnswer
from privateshare.objects.entertainment import (
    Actor,
    Album,
    Artist,
    Book,
    Copyright,
    FollowedArtist,
    PlayHistory,
    Playlist,
    PlaylistTrack,
    SavedAlbum,
    SavedTrack,
    SearchQuery,
    Track,
    Watch,
    WebVisit,
)
from privateshare.objects.finance import (
    Purchase,
    Transaction,
)
from privateshare.objects.government import VehicleRegistration, VehicleTest
from privateshare.objects.health import (
    Achievement,
    Activity,
    ActivityDistance,
    ActivityLevel,
    ActivitySource,
    BodyComposition,
    DailyActivity,
    Durations,
    EpochSummary,
    Goals,
    LineString,
    ManualValues,
    MoveIqSummary,
    PlaceVisit,
    Route,
    Sleep,
    SleepLevel,
    StressSummary,
)
from privateshare.objects.model import DataObject, Moment, OtherObject
from privateshare.objects.parts import HeartRateZone, Link, Resource
from privateshare.objects.social import (
    AssistantMessage,
    Attachment,
    Attendee,
    Authored,
    CalendarEvent,
    Comment,
    Contact,
    ContactPoint,
    Like,
    Mail,
    MailAddress,
    Media,
    MediaAlbum,
    Message,
    MessageReaction,
    Note,
    NoteItem,
    Post,
    Profile,
    SocialNetworkUser,
)
from privateshare.protocol.catalogue import ObjectType

__all__ = [
    "Achievement",
    "Activity",
    "ActivityDistance",
    "ActivityLevel",
    "ActivitySource",
    "Actor",
    "Album",
    "Artist",
    "AssistantMessage",
    "Attachment",
    "Attendee",
    "Authored",
    "BodyComposition",
    "Book",
    "CalendarEvent",
    "Comment",
    "Contact",
    "ContactPoint",
    "Copyright",
    "DailyActivity",
    "DataObject",
    "Durations",
    "EpochSummary",
    "FollowedArtist",
    "Goals",
    "HeartRateZone",
    "Like",
    "LineString",
    "Link",
    "Mail",
    "MailAddress",
    "ManualValues",
    "Media",
    "MediaAlbum",
    "Message",
    "MessageReaction",
    "Moment",
    "MoveIqSummary",
    "Note",
    "NoteItem",
    "OtherObject",
    "PlaceVisit",
    "PlayHistory",
    "Playlist",
    "PlaylistTrack",
    "Post",
    "Profile",
    "Purchase",
    "Resource",
    "Route",
    "SavedAlbum",
    "SavedTrack",
    "SearchQuery",
    "Sleep",
    "SleepLevel",
    "SocialNetworkUser",
    "StressSummary",
    "Track",
    "Transaction",
    "VehicleRegistration",
    "VehicleTest",
    "Watch",
    "WebVisit",
    "date_names",
    "model_of",
    "parsed_objects",
]

_MODELS: Mapping[int, type[DataObject]] = {
    kind.object_type: kind
    for kind in (
        *(Media, Post, Comment, Like, MediaAlbum, SocialNetworkUser, Profile, Message, AssistantMessage),
        *(Mail, CalendarEvent, Contact, Note),
        *(Transaction, Purchase),
        *(Activity, DailyActivity, Achievement, Sleep, BodyComposition, Route, PlaceVisit),
        *(EpochSummary, StressSummary, MoveIqSummary),
        *(Track, Album, Playlist, SavedAlbum, SavedTrack, PlayHistory, FollowedArtist, Watch, SearchQuery),
        *(Book, WebVisit),
        *(VehicleTest, VehicleRegistration),
    )
    if kind.object_type is not None
}


def model_of(object_type: ObjectType | int | None) -> type[DataObject]:
    """Return the model of an object type, or `OtherObject` if it has none."""
    return OtherObject if object_type is None else _MODELS.get(object_type, OtherObject)


def date_names() -> frozenset[str]:
    """Return the JSON names of the fields that models declare as dates, in milliseconds since the epoch."""
    kinds: list[type[DataObject]] = [DataObject, *_MODELS.values()]
    return frozenset(
        field.alias or name
        for model in kinds
        for name, field in model.model_fields.items()
        if datetime in _parts_of_type(field.annotation)
    )


def _parts_of_type(annotation: Any) -> set[Any]:
    """Return a type and the types that it is made of, such as those of a union."""
    return {annotation}.union(*(_parts_of_type(part) for part in get_args(annotation) if part is not annotation))


def parsed_objects(model: type[DataObject], contents: Iterable[Any]) -> list[DataObject]:
    """Parse the objects of a file.

    Raises:
        InvalidAnswer: An element is not a JSON object.
    """
    try:
        return [model.model_validate(thing) for thing in contents]
    except ValidationError as error:
        raise InvalidAnswer("the file contains an element that is not a JSON object") from error
