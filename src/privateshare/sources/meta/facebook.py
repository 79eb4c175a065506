"""The mapping of the entries of a Facebook export."""

from collections.abc import Iterator
from typing import Any

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.meta.kinds import MetaKind
from privateshare.sources.meta.labels import entry_of, is_labelled
from privateshare.sources.meta.mapping import (
    FOLLOWER,
    FOLLOWING,
    FRIEND,
    comment_object,
    person_object,
    post_objects,
)
from privateshare.sources.meta.pictures import created, picture_object, pictures_in
from privateshare.sources.object_building import (
    JsonObject,
    Mapped,
    SourceAccount,
    dict_of,
    list_of,
    milliseconds,
    number_of,
    stable_id,
    text_of,
)

_RELATIONS = {MetaKind.FRIEND: FRIEND, MetaKind.FOLLOWER: FOLLOWER, MetaKind.FOLLOWING: FOLLOWING}


class FacebookEntries:
    """The entries of one export.

    Attributes:
        owners: The ids of the people whose profiles the export has, with their names.
    """

    def __init__(self, account: SourceAccount) -> None:
        self.owners: dict[str, str] = {}
        self._account = account

    def objects_of(self, kind: MetaKind, thing: JsonObject) -> Iterator[Mapped]:
        """Yield the objects of an entry, whose texts are repaired.

        Raises:
            ValueError: It has no date or content that can be read.
        """
        if kind is MetaKind.PROFILE:
            owner, name = owner_of(thing)
            if not name:
                raise ValueError("the profile has no name")
            self.owners[owner] = name
        yield from _objects_of(kind, thing, self._account)

    def rest(self) -> Iterator[Mapped]:
        """Yield what can only be told at the end of the export: nothing."""
        return iter(())


def _objects_of(kind: MetaKind, thing: JsonObject, account: SourceAccount) -> Iterator[Mapped]:
    if kind in (MetaKind.POST, MetaKind.STORY):
        yield from _post(thing, account)
    elif kind is MetaKind.NOTE:
        moment = milliseconds(thing.get("created_timestamp"))
        text, pictures = text_of(thing.get("text")), list(pictures_in(thing.get("media")))
        yield from post_objects(account, moment, text, pictures, title=text_of(thing.get("title")))
    elif kind is MetaKind.PICTURE:
        yield from _picture(thing, account)
    elif kind is MetaKind.ALBUM:
        yield from _album(thing, account)
    elif kind is MetaKind.COMMENT:
        for comment in _comments(thing, account):
            yield ObjectType.COMMENT, comment
    elif kind in (MetaKind.REACTION, MetaKind.PAGE_LIKE):
        yield ObjectType.LIKE, _like(thing, account)
    elif kind in _RELATIONS:
        yield ObjectType.SOCIAL_NETWORK_USER, _person(thing, _RELATIONS[kind], account)
    elif kind is MetaKind.PROFILE:
        yield ObjectType.PROFILE, _profile(thing, account)


def owner_of(thing: JsonObject) -> tuple[str, str]:
    """Return the id and the name of the person whose profile it is.

    The time of the registration is the only value that is in profiles of all years and that nobody can change.
    """
    name = text_of(dict_of(thing.get("name")).get("full_name")) or text_of(thing.get("name"))
    registered = thing.get("registration_timestamp")
    own = text_of(registered) or text_of(thing.get("username")) or text_of(thing.get("profile_uri")) or name
    return (stable_id("facebook", own) if own else ""), name


def _post(thing: JsonObject, account: SourceAccount) -> Iterator[Mapped]:
    parts = [part for part in list_of(thing.get("data")) if isinstance(part, dict)]
    inner = [
        part
        for attachment in list_of(thing.get("attachments"))
        for part in list_of(dict_of(attachment).get("data"))
        if isinstance(part, dict)
    ]
    text = next((found for part in parts if (found := text_of(part.get("post")))), "")
    pictures = list(pictures_in(thing.get("attachments"))) or list(pictures_in(thing.get("media")))
    moment = milliseconds(thing.get("timestamp"))
    link = next((url for part in inner if (url := text_of(dict_of(part.get("external_context")).get("url")))), "")
    if is_labelled(thing):
        entry = entry_of(thing)
        text, link, moment = text or next(iter(entry.texts), ""), link or entry.link, moment or entry.moment
    place = next((place for part in inner if (place := dict_of(part.get("place")))), {})
    note = next((note for part in inner if (note := dict_of(part.get("note")))), {})
    yield from post_objects(
        account,
        moment,
        text
        or text_of(note.get("text"))
        or next((found for part in inner if (found := text_of(part.get("text")))), ""),
        pictures,
        title=text_of(thing.get("title")) or text_of(note.get("title")),
        links=[{"link": link}] if link else [],
        **_coordinates(place),
    )


def _coordinates(place: JsonObject) -> dict[str, float | None]:
    where = dict_of(place.get("coordinate"))
    return {"latitude": number_of(where.get("latitude")), "longitude": number_of(where.get("longitude"))}


def _picture(thing: JsonObject, account: SourceAccount) -> Iterator[Mapped]:
    found = list(pictures_in(thing))
    moment = milliseconds(thing.get("timestamp")) or next((when for one in found if (when := created(one))), None)
    if not found or moment is None:
        raise ValueError("the picture has no date")
    for picture in found:
        yield ObjectType.MEDIA, picture_object(account, picture, moment)


def _album(thing: JsonObject, account: SourceAccount) -> Iterator[Mapped]:
    name = text_of(thing.get("name"))
    photos = [*pictures_in(thing.get("photos")), *pictures_in(thing.get("videos"))]
    dates = [moment for photo in photos if (moment := created(photo)) is not None]
    moment = min(dates, default=None) or milliseconds(thing.get("last_modified_timestamp"))
    if not name or moment is None:
        raise ValueError("the album has no name or date")
    about = text_of(thing.get("description"))
    album = account.thing(stable_id("album", name), moment, name=name, description=about, itemcount=len(photos))
    yield ObjectType.MEDIA_ALBUM, album
    for photo in photos:
        fields = {"mediaalbumname": name, "mediaalbumentityid": album["entityid"]}
        yield ObjectType.MEDIA, picture_object(account, photo, moment, **fields)


def _comments(thing: JsonObject, account: SourceAccount) -> Iterator[JsonObject]:
    """Yield the comments of an entry, which mostly has one. Each has its text and time, or is only a text."""
    given = [part.get("comment") for part in list_of(thing.get("data")) if isinstance(part, dict)]
    parts = [one if isinstance(one, dict) else {"comment": one} for one in given if one]
    title, written = text_of(thing.get("title")), milliseconds(thing.get("timestamp"))
    if is_labelled(thing):
        entry = entry_of(thing)
        part = next(iter(parts), {})
        moment = milliseconds(part.get("timestamp")) or written or entry.moment
        text = text_of(part.get("comment")) or next(iter(entry.texts), "")
        yield comment_object(account, moment, text, link=entry.link, title=title)
        return
    for part in parts or [{}]:
        moment = milliseconds(part.get("timestamp")) or written
        yield comment_object(account, moment, text_of(part.get("comment")), link="", title=title)


def _like(thing: JsonObject, account: SourceAccount) -> JsonObject:
    moment, title = milliseconds(thing.get("timestamp")), text_of(thing.get("title")) or text_of(thing.get("name"))
    reactions = [dict_of(part.get("reaction")) for part in list_of(thing.get("data")) if isinstance(part, dict)]
    reaction = next((found for one in reactions if (found := text_of(one.get("reaction")))), "")
    link, person = text_of(thing.get("url")), ""
    if is_labelled(thing):
        entry = entry_of(thing)
        user_name, full_name = entry.owner()
        reaction, link, person = reaction or next(iter(entry.texts), ""), entry.link, full_name or user_name
        moment = moment or entry.moment
    if moment is None:
        raise ValueError("the reaction has no date")
    # Newer exports say the same of a reaction in other words, so only its time identifies it.
    own_id = stable_id("like", moment)
    return account.thing(own_id, moment, title=title, reaction=reaction, link=link, personfullname=person)


def _person(thing: JsonObject, relation: str, account: SourceAccount) -> JsonObject:
    name, moment, link = text_of(thing.get("name")), milliseconds(thing.get("timestamp")), text_of(thing.get("url"))
    if is_labelled(thing):
        entry = entry_of(thing)
        name, moment, link = name or next(iter(entry.texts), ""), moment or entry.moment, link or entry.link
    return person_object(account, relation, "", moment, link, full_name=name)


def _profile(thing: JsonObject, account: SourceAccount) -> JsonObject:
    _, name = owner_of(thing)
    names: dict[str, Any] = dict_of(thing.get("name"))
    return account.thing(
        "profile",
        milliseconds(thing.get("registration_timestamp")),
        displayname=name,
        firstname=text_of(names.get("first_name")),
        lastname=text_of(names.get("last_name")),
        username=text_of(thing.get("username")),
        profileurl=text_of(thing.get("profile_uri")),
        bio=text_of(thing.get("intro_bio")) or text_of(thing.get("about_me")),
    )
