"""Objects of service group 5, entertainment."""

from typing import ClassVar

from privateshare.objects.model import DataObject, Moment
from privateshare.objects.parts import Resource
from privateshare.protocol.catalogue import ObjectType


class Artist(DataObject):
    """An artist of a track or an album."""

    id: str | None = None
    name: str | None = None
    link: str | None = None
    followers_count: int | None = None
    popularity: int | None = None
    genres: tuple[str, ...] = ()
    resources: tuple[Resource, ...] = ()


class FollowedArtist(Artist):
    """An artist that the person follows. These objects have no date."""

    object_type: ClassVar[ObjectType] = ObjectType.FOLLOWED_ARTIST


class Actor(DataObject):
    """A user who owns a playlist or added a track to it."""

    id: str | None = None
    name: str | None = None
    link: str | None = None
    is_user: bool | None = None
    resources: tuple[Resource, ...] = ()


class Copyright(DataObject):
    """A copyright of an album; `type` is C for the content, P for the sound recording."""

    text: str | None = None
    type: str | None = None


class Track(DataObject):
    """A track; `duration` is in milliseconds."""

    object_type: ClassVar[ObjectType] = ObjectType.TRACK

    id: str | None = None
    name: str | None = None
    duration: int | None = None
    disc_number: int | None = None
    number: int | None = None
    link: str | None = None
    explicit: bool | None = None
    popularity: int | None = None
    artists: tuple[Artist, ...] = ()
    album: "Album | None" = None


class Album(DataObject):
    """An album."""

    object_type: ClassVar[ObjectType] = ObjectType.ALBUM

    id: str | None = None
    base_id: str | None = None
    name: str | None = None
    type: str | None = None
    link: str | None = None
    label: str | None = None
    popularity: int | None = None
    release_date: Moment | None = None
    artists: tuple[Artist, ...] = ()
    available_markets: tuple[str, ...] = ()
    copyrights: tuple[Copyright, ...] = ()
    genres: tuple[str, ...] = ()
    resources: tuple[Resource, ...] = ()
    tracks: tuple[Track, ...] = ()


class PlaylistTrack(DataObject):
    """A track in a playlist; `created_date` says when it was added, and `added_by` by whom, if known."""

    id: str | None = None
    added_by: Actor | None = None
    track: Track | None = None


class Playlist(DataObject):
    """A playlist."""

    object_type: ClassVar[ObjectType] = ObjectType.PLAYLIST

    id: str | None = None
    base_id: str | None = None
    name: str | None = None
    description: str | None = None
    embed_html: str | None = None
    link: str | None = None
    collaborative: bool | None = None
    public: bool | None = None
    is_following: bool | None = None
    followers_count: int | None = None
    owner: Actor | None = None
    resources: tuple[Resource, ...] = ()
    tracks: tuple[PlaylistTrack, ...] = ()


class SavedAlbum(DataObject):
    """An album that the person saved."""

    object_type: ClassVar[ObjectType] = ObjectType.SAVED_ALBUM

    album: Album | None = None


class SavedTrack(DataObject):
    """A track that the person saved."""

    object_type: ClassVar[ObjectType] = ObjectType.SAVED_TRACK

    track: Track | None = None


class PlayHistory(DataObject):
    """A track that the person played; `created_date` is when it began.

    `ms_played` is how long it was played, in milliseconds. The other fields are as Spotify's history has them:
    `reason_start` and `reason_end` are words such as "clickrow", "trackdone" and "fwdbtn", `country` is two letters.
    """

    object_type: ClassVar[ObjectType] = ObjectType.PLAY_HISTORY

    id: str | None = None
    track: Track | None = None
    ms_played: int | None = None
    skipped: bool | None = None
    shuffle: bool | None = None
    offline: bool | None = None
    incognito: bool | None = None
    reason_start: str | None = None
    reason_end: str | None = None
    platform: str | None = None
    country: str | None = None


class Watch(DataObject):
    """A video that the person watched, in terms of schema.org's WatchAction. `rating` is of 10."""

    object_type: ClassVar[ObjectType] = ObjectType.WATCH

    id: str | None = None
    title: str | None = None
    series: str | None = None
    link: str | None = None
    video_id: str | None = None
    channel_name: str | None = None
    channel_url: str | None = None
    duration: float | None = None
    device: str | None = None
    profile_name: str | None = None
    country: str | None = None
    is_advertisement: bool | None = None
    year: int | None = None
    season: int | None = None
    episode: int | None = None
    rating: float | None = None
    review: str | None = None
    is_rewatch: bool | None = None
    tags: tuple[str, ...] = ()


class SearchQuery(DataObject):
    """A search, in terms of schema.org's SearchAction. `product` is where the person searched."""

    object_type: ClassVar[ObjectType] = ObjectType.SEARCH

    id: str | None = None
    query: str | None = None
    link: str | None = None
    product: str | None = None


class Book(DataObject):
    """A book of the person's library. `rating` is of 5; `progress` is the part that was read, from 0 to 1."""

    object_type: ClassVar[ObjectType] = ObjectType.BOOK

    id: str | None = None
    start_date: Moment | None = None
    end_date: Moment | None = None
    title: str | None = None
    authors: tuple[str, ...] = ()
    isbn: str | None = None
    publisher: str | None = None
    publication_year: int | None = None
    page_count: int | None = None
    format: str | None = None
    reading_status: str | None = None
    read_count: int | None = None
    rating: float | None = None
    review: str | None = None
    shelves: tuple[str, ...] = ()
    progress: float | None = None
    link: str | None = None


class WebVisit(DataObject):
    """A page or app that the person opened, or a bookmark; `kind` is visit, app or bookmark."""

    object_type: ClassVar[ObjectType] = ObjectType.WEB_VISIT

    id: str | None = None
    kind: str | None = None
    title: str | None = None
    link: str | None = None
    product: str | None = None
    device: str | None = None
    folder: str | None = None
