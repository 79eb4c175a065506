"""The descriptions of pictures, videos and albums in Google Photos: a JSON file beside each."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import JsonObject
from privateshare.sources.json_records import FoundRecord, ObjectRole
from privateshare.sources.object_building import (
    Mapped,
    SourceAccount,
    dict_of,
    milliseconds,
    number_of,
    stable_id,
    text_of,
)

PICTURE, VIDEO = 0, 1
MAX_IN_ALBUMS = 500_000
MEDIA_TYPES: Mapping[str, str] = {
    **dict.fromkeys((".jpg", ".jpeg"), "image/jpeg"),
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".heic": "image/heic",
    ".dng": "image/x-adobe-dng",
    ".mp4": "video/mp4",
    ".m4v": "video/x-m4v",
    ".mov": "video/quicktime",
    ".avi": "video/x-msvideo",
    ".3gp": "video/3gpp",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".mpg": "video/mpeg",
    ".wmv": "video/x-ms-wmv",
    ".mts": "video/mp2t",
}
# Folders that Google makes for each year, in any language: "Photos from 2020", "Fotos von 2020", "2020年の写真".
_YEAR = re.compile(
    r"(?:photos? from|fotos? (?:von|de|del|van|uit|da)|foto's (?:uit|van)|photos? de|foto dal|zdjęcia z|bilder från)"
    r" (?:19|20)\d\d|(?:19|20)\d\d\s?年.*|.*\b(?:من|от|из) (?:19|20)\d\d.*|\d{4}-\d\d-\d\d.*",
    re.IGNORECASE,
)


def photo_role(thing: JsonObject, _: str) -> ObjectRole:
    """Return the role of an object in the files of Google Photos."""
    is_picture = "photoTakenTime" in thing and "title" in thing
    return ObjectRole.RECORD if is_picture or _is_album(thing) else ObjectRole.UNKNOWN


def _is_album(thing: JsonObject) -> bool:
    return "albumData" in thing or ("title" in thing and "date" in thing and ("access" in thing or "geoData" in thing))


class PhotoMapping:
    """The mapping of one export. A picture is in the folder of its year, and again in that of each of its albums."""

    def __init__(self, account: SourceAccount) -> None:
        self._account = account
        self._in_albums: set[int] = set()  # Hashes of ids, which take less memory.

    def mapped(self, found: FoundRecord, path: str) -> Mapped | None:
        """Map a picture or an album. Returns None for a picture that was mapped with its album before.

        Raises:
            ValueError: It has no date.
        """
        if _is_album(found.thing):
            return self._album(dict_of(found.thing.get("albumData")) or found.thing)
        return self._picture(found.thing, path)

    def _album(self, thing: JsonObject) -> Mapped:
        title = text_of(thing.get("title"))
        moment = milliseconds(dict_of(thing.get("date")).get("timestamp"))
        if moment is None or not title:
            raise ValueError("the album has no date or title")
        description = text_of(thing.get("description"))
        album = self._account.thing(stable_id("album", title), moment, name=title, description=description)
        return ObjectType.MEDIA_ALBUM, album

    def _picture(self, thing: JsonObject, path: str) -> Mapped | None:
        title = text_of(thing.get("title"))
        times = (dict_of(thing.get(name)).get("timestamp") for name in ("photoTakenTime", "creationTime"))
        moment = next((time for written in times if (time := milliseconds(written)) is not None), None)
        if moment is None:
            raise ValueError("the picture has no date")
        link = text_of(thing.get("url"))
        own_id = urlsplit(link).path.rpartition("/")[2] or stable_id("photo", title, moment)
        place = path.rpartition("/")[0]  # pathlib would intern each name, which costs memory.
        folder = place.rpartition("/")[2]
        album = "" if _YEAR.fullmatch(folder) else folder
        if not album and hash(own_id) in self._in_albums:
            return None
        if album and len(self._in_albums) < MAX_IN_ALBUMS:
            self._in_albums.add(hash(own_id))
        latitude, longitude = _position(thing)
        media_type = MEDIA_TYPES.get(f".{title.rpartition('.')[2].lower()}")
        kind = VIDEO if media_type is not None and media_type.startswith("video/") else PICTURE
        resource = {"url": link or f"{place}/{title}".lstrip("/"), "type": kind, "mimetype": media_type}
        return ObjectType.MEDIA, self._account.thing(
            own_id,
            moment,
            name=title,
            type=kind,
            description=text_of(thing.get("description")),
            mediaalbumname=album,
            mediaalbumentityid=f"{self._account.entity_id}_{stable_id('album', album)}" if album else "",
            latitude=latitude,
            longitude=longitude,
            resources=[{name: value for name, value in resource.items() if value is not None}],
        )


def _position(thing: JsonObject) -> tuple[float | None, float | None]:
    """Return where a picture was taken, as Google or the camera says. 0, 0 means that nobody knows."""
    for name in ("geoData", "geoDataExif"):
        place = dict_of(thing.get(name))
        latitude, longitude = number_of(place.get("latitude")), number_of(place.get("longitude"))
        if latitude and longitude and abs(latitude) <= 90 and abs(longitude) <= 180:
            return latitude, longitude
    return None, None
