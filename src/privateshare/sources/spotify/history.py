"""The extended streaming history: a zip of JSON files, each a list of plays, as Spotify hands it out."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO
from zipfile import ZipInfo

from privateshare.sources.archive import json_items, opened_zip, plain_entry
from privateshare.sources.contract import Broken, JsonObject
from privateshare.sources.spotify.mapping import Account, play_history

_HISTORY = re.compile(r"(Streaming_History_Audio_.*|endsong_\d+)\.json", re.IGNORECASE)
_ACCOUNT_DATA = re.compile(r"(StreamingHistory_music_\d+|StreamingHistory\d+|Userdata)\.json", re.IGNORECASE)


def read_plays(archive: BinaryIO) -> Iterator[JsonObject]:
    """Every play of the archive, as Spotify words it. Raises Broken."""
    with opened_zip(archive) as found:
        entries = [entry for entry in found.infolist() if _HISTORY.fullmatch(PurePosixPath(entry.filename).name)]
        if not entries:
            raise _missing(found.infolist())
        for entry in entries:
            with plain_entry(found, entry) as stream:
                yield from json_items(stream, "item", PurePosixPath(entry.filename).name)


def map_play(play: JsonObject, account: Account) -> JsonObject | None:
    """One play as play history (406), or None if it was no music. Raises Broken if it is not in Spotify's form."""
    try:
        return play_history(play, account)
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise Broken(
            "The archive holds a play that is not in Spotify's form. "
            "Ask Spotify for your “Extended streaming history” (not “Account data”) and upload that zip."
        ) from error


def _missing(entries: list[ZipInfo]) -> Broken:
    names = [PurePosixPath(entry.filename).name for entry in entries]
    if any(_ACCOUNT_DATA.fullmatch(name) for name in names):
        return Broken(
            "This is Spotify's “Account data”, which lacks what is needed. "
            "Ask Spotify for your “Extended streaming history” and upload that zip."
        )
    if any(name.lower().endswith(".zip") for name in names):
        return Broken("The zip archive holds another zip. Unpack the outer one and upload the inner one.")
    return Broken(
        "The zip archive holds no file named Streaming_History_Audio_….json. "
        "Ask Spotify for your “Extended streaming history” (not “Account data”) and upload that zip."
    )
