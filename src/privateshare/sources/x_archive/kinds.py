"""The kinds of entries of an archive. Each is an object with one member whose name says what it is."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from privateshare.sources.json_records import ObjectRole


class XKind(Enum):
    """What an entry of an archive is."""

    POST = auto()
    NOTE = auto()
    LIKE = auto()
    FOLLOWER = auto()
    FOLLOWING = auto()
    ACCOUNT = auto()
    PROFILE = auto()
    MESSAGE = auto()


KEYS: Mapping[str, XKind] = {
    "tweet": XKind.POST,
    "noteTweet": XKind.NOTE,
    "like": XKind.LIKE,
    "follower": XKind.FOLLOWER,
    "following": XKind.FOLLOWING,
    "account": XKind.ACCOUNT,
    "userInfo": XKind.ACCOUNT,
    "profile": XKind.PROFILE,
    "messageCreate": XKind.MESSAGE,
}
WRAPPERS = frozenset({"dmConversation", "messages"})


def kind_of(thing: Mapping[str, Any], key: str) -> XKind | None:
    """Return what an object is; None if it is no entry. Deleted posts are none.

    Args:
        thing: The object.
        key: The name of the member or list that contains it.
    """
    if "deleted_at" in thing or isinstance(thing.get("files"), list):  # The latter is an entry of the manifest.
        return None
    if (kind := KEYS.get(key)) is not None:
        # Another file repeats only the ids and dates of posts.
        return None if kind is XKind.POST and "tweet_id" in thing and "id_str" not in thing else kind
    is_bare_post = not key and "created_at" in thing and ("full_text" in thing or "text" in thing) and "id_str" in thing
    return XKind.POST if is_bare_post else None


def role_of(thing: Mapping[str, Any], key: str) -> ObjectRole:
    """Return the role of an object in an archive."""
    if kind_of(thing, key) is not None:
        return ObjectRole.RECORD
    inner = [name for name, value in thing.items() if isinstance(value, dict | list)]
    is_wrapper = key in WRAPPERS or any(name in KEYS or name in WRAPPERS for name in inner)
    return ObjectRole.WRAPPER if is_wrapper else ObjectRole.UNKNOWN
