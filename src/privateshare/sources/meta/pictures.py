"""Pictures and videos (object type 1), which many kinds of entries contain. Only what is said of them is imported."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from privateshare.sources.object_building import (
    JsonObject,
    SourceAccount,
    dict_of,
    list_of,
    milliseconds,
    number_of,
    stable_id,
    text_of,
)

PICTURE, VIDEO = 0, 1
VIDEO_ENDINGS = frozenset({".mp4", ".mov", ".m4v", ".webm", ".avi", ".mkv", ".3gp"})
MIMETYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".heic": "image/heic",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
}
MAX_DEPTH = 12
_LONG_NUMBER = re.compile(r"\d{8,}")


def pictures_in(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the descriptions of pictures and videos in a value: objects with a `uri` or a `path`."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, list):
        for item in value:
            yield from pictures_in(item, depth + 1)
    elif isinstance(value, dict):
        if uri_of(value):
            yield value
        else:
            for item in value.values():
                yield from pictures_in(item, depth + 1)


def uri_of(picture: dict[str, Any]) -> str:
    """Return the path of a picture in the export, or its address."""
    return text_of(picture.get("uri")) or text_of(picture.get("path"))


def file_id(uri: str) -> str:
    """Return an id for a file, which is the same in exports with other folders.

    Names of files have long numbers, which are unique. Other names are only unique in their folder.
    """
    path = PurePosixPath(uri.replace("\\", "/").split("?")[0])
    return path.stem if _LONG_NUMBER.search(path.stem) else str(path)


def created(picture: dict[str, Any]) -> int | None:
    """Return when a picture was published, or otherwise taken."""
    for name in ("creation_timestamp", "timestamp"):
        if (moment := milliseconds(picture.get(name))) is not None:
            return moment
    return next((moment for part in _camera(picture) if (moment := milliseconds(part.get("taken_timestamp")))), None)


def picture_object(
    account: SourceAccount, picture: dict[str, Any], moment: int | None, post: JsonObject | None = None, **fields: Any
) -> JsonObject:
    """Build the object of a picture or video.

    Args:
        account: The account.
        picture: Its description.
        moment: When it was published, if its description does not say that.
        post: The post that contains it, if there is one.
        fields: Its other fields.
    """
    uri = uri_of(picture)
    ending = PurePosixPath(uri.split("?")[0]).suffix.lower()
    kind = VIDEO if ending in VIDEO_ENDINGS else PICTURE
    place: dict[str, float | None] = {}
    for part in _camera(picture):
        latitude, longitude = number_of(part.get("latitude")), number_of(part.get("longitude"))
        if latitude is not None and longitude is not None and (latitude, longitude) != (0, 0):
            place = {"latitude": latitude, "longitude": longitude}
    resource = {"url": uri, "type": kind, "mimetype": MIMETYPES.get(ending)}
    return account.thing(
        stable_id("media", file_id(uri)),
        created(picture) or moment,
        name=PurePosixPath(uri).name,
        type=kind,
        description=text_of(picture.get("description")) or text_of(picture.get("title")),
        postentityid=None if post is None else post["entityid"],
        resources=[{name: value for name, value in resource.items() if value is not None}],
        **place,
        **fields,
    )


def _camera(picture: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what the camera wrote into a picture."""
    about = dict_of(picture.get("media_metadata"))
    for name in ("photo_metadata", "video_metadata"):
        for part in list_of(dict_of(about.get(name)).get("exif_data")):
            if isinstance(part, dict):
                yield part
