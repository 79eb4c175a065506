"""A reader for Spotify's exports: the extended streaming history, the account data, or both in one archive."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import BinaryIO

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Broken, EncodedObjects, JsonObject
from privateshare.sources.export_reader import UNREADABLE
from privateshare.sources.failures import LeftOut, shown_name
from privateshare.sources.identity import IF_MISSING
from privateshare.sources.json_records import FoundRecord, ObjectRole
from privateshare.sources.object_building import Mapped, dict_of, list_of, text_of
from privateshare.sources.page_building import Written
from privateshare.sources.spotify.account_data import (
    LIBRARY_LISTS,
    EntryKind,
    followed_artist,
    kind_of,
    playlist,
    saved_album,
    saved_track,
    search,
)
from privateshare.sources.spotify.history import NO_MUSIC, Play, UnreadablePlay, read_brief_play, read_play
from privateshare.sources.spotify.mapping import PlayIds, SpotifyAccount, play_history
from privateshare.sources.spotify.plain_plays import PlainPlay, PlayEncoder, decode_plays
from privateshare.sources.upload_records import read_records

MAX_USERNAME_CHARACTERS = 200
# Objects that contain other entries, so that they are none themselves.
_WRAPPERS = frozenset({"playlists", *LIBRARY_LISTS})
_OF_LISTS = {EntryKind.SAVED_TRACK: ObjectType.SAVED_TRACK, EntryKind.SAVED_ALBUM: ObjectType.SAVED_ALBUM}
_VIDEOS = re.compile(r"Streaming_History_Video_.*", re.IGNORECASE)
_README = re.compile(r"Read_?Me.*\.pdf", re.IGNORECASE)


@dataclass(slots=True)
class SpotifyExport:
    """The entries of an archive, and the people that they belong to.

    Attributes:
        usernames: The user names that the archive has.
        complete: The object types of which the archive has the whole list.
        display_name: The name that the person shows others; empty if the archive does not have it.
    """

    archive: BinaryIO
    left_out: LeftOut
    complete: set[int] = field(default_factory=set)
    usernames: set[str] = field(default_factory=set)
    display_name: str = ""
    _play_ids: PlayIds = field(default_factory=PlayIds)
    _playlists: Counter[str] = field(default_factory=Counter)

    def objects(self, account: SpotifyAccount) -> Iterator[Written | EncodedObjects]:
        """Yield all objects. Raises Broken if there are none, or if less than half can be read."""
        encoder = PlayEncoder(account, self._play_ids)
        for found in read_records(self.archive, _role_of, self.left_out, self._skips, decode_plays):
            if found.plain:
                self._note_usernames(found.plain)
                yield encoder.encode(found.plain, self.left_out)
                continue
            try:
                written = self._objects_of(account, found)
            except UnreadablePlay as error:
                self.left_out.leave_out(error.reason, ObjectType.PLAY_HISTORY)
            except (ValueError, TypeError, AttributeError):
                self.left_out.leave_out(UNREADABLE)
            else:
                self.left_out.read += bool(written)
                yield from written
        self.left_out.check(
            Broken(
                "The archive holds no music that was played, and no library. "
                "Ask Spotify for your “Extended streaming history” or “Account data”, and upload that zip."
            )
        )

    def _objects_of(self, account: SpotifyAccount, found: FoundRecord) -> Sequence[Written]:
        thing, kind = found.thing, kind_of(found.thing, found.key)
        if kind is EntryKind.PLAY:
            self._note_username(thing)
            play = read_play(found)
            if play is None:
                self.left_out.pass_over(NO_MUSIC)
                return ()
            return (self._played(account, play),)
        if kind is EntryKind.BRIEF_PLAY:
            return (self._played(account, read_brief_play(thing)),)
        if kind is EntryKind.USER:
            self._note_username(thing)
        elif kind is EntryKind.PODCAST:
            self.left_out.pass_over(NO_MUSIC)
        elif kind is EntryKind.OTHER:
            self.left_out.pass_over_in(found.file)
        elif kind is EntryKind.NAME:
            self.display_name = text_of(thing.get("displayName"))[:MAX_USERNAME_CHARACTERS]
        return [Written(*mapped) for mapped in self._mapped(account, thing, kind)]

    def _mapped(self, account: SpotifyAccount, thing: JsonObject, kind: EntryKind | None) -> Iterator[Mapped]:
        if kind in _OF_LISTS:  # The library is one file, so whoever has an entry of a list has the list.
            self.complete.add(_OF_LISTS[kind])
        if kind is EntryKind.SAVED_TRACK:
            yield from saved_track(account, thing)
        elif kind is EntryKind.SAVED_ALBUM:
            yield from saved_album(account, thing)
        elif kind is EntryKind.SAVED_ARTIST:
            yield from followed_artist(account, text_of(thing.get("name")))
        elif kind is EntryKind.FOLLOWED:
            for name in list_of(thing.get("followingArtists")):
                yield from followed_artist(account, text_of(name))
        elif kind is EntryKind.PLAYLIST:
            episodes = sum(1 for item in list_of(thing.get("items")) if dict_of(item).get("episode"))
            self.left_out.pass_over(NO_MUSIC, episodes)
            yield from playlist(account, thing, self._playlists)
        elif kind is EntryKind.SEARCH:
            yield from search(account, thing)

    def _played(self, account: SpotifyAccount, play: Play) -> Written:
        """Build a play. One of the account data is only kept if the extended history does not have it."""
        mapped = play_history(play, self._play_ids.id_of(play), account)
        return Written(ObjectType.PLAY_HISTORY, mapped, provenance=IF_MISSING if play.brief else None)

    def _note_username(self, thing: Mapping[str, object]) -> None:
        if (username := thing.get("username")) and isinstance(username, str | int):
            self.usernames.add(str(username)[:MAX_USERNAME_CHARACTERS])

    def _note_usernames(self, plays: Sequence[PlainPlay]) -> None:
        for username in {play.username for play in plays}:
            self._note_username({"username": username})

    def _skips(self, path: str) -> bool:
        name = PurePosixPath(path).name
        if _VIDEOS.fullmatch(name):
            problem = Broken("%(name)s holds videos. They are not play history.", name=shown_name(name))
            self.left_out.name_unused(shown_name(name), problem)
            return True
        return _README.fullmatch(name) is not None


def _role_of(thing: JsonObject, key: str) -> ObjectRole:
    if kind_of(thing, key) is not None:
        return ObjectRole.RECORD
    is_wrapper = any(isinstance(thing.get(name), list) for name in _WRAPPERS)
    return ObjectRole.WRAPPER if is_wrapper else ObjectRole.UNKNOWN
