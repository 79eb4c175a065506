"""The kinds of entries of an export, and how they are recognized: by the names in the JSON, or of its file.

Most files are an object with one member whose name says what it has, such as `likes_media_likes`. Some are a plain
list; then the name of the file says it. Both are in English in exports of every language.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from privateshare.sources.json_records import ObjectRole
from privateshare.sources.meta.labels import is_labelled


class MetaKind(Enum):
    """What an entry of an export is."""

    POST = auto()
    STORY = auto()
    PICTURE = auto()
    ALBUM = auto()
    NOTE = auto()
    COMMENT = auto()
    POST_LIKE = auto()
    COMMENT_LIKE = auto()
    STORY_LIKE = auto()
    PAGE_LIKE = auto()
    REACTION = auto()
    FOLLOWER = auto()
    FOLLOWING = auto()
    FRIEND = auto()
    PROFILE = auto()
    SIGN_UP = auto()
    MESSAGE = auto()
    # Instagram's layout until 2020: a whole file is one entry, and most values are lists of two or three texts.
    OLD_PICTURE = auto()
    OLD_LIKES = auto()
    OLD_COMMENTS = auto()
    OLD_CONNECTIONS = auto()
    OLD_CONVERSATION = auto()
    OLD_PROFILE = auto()


INSTAGRAM_KEYS: Mapping[str, MetaKind] = {
    "ig_stories": MetaKind.STORY,
    "ig_reels_media": MetaKind.POST,
    "ig_igtv_media": MetaKind.POST,
    "ig_archived_post_media": MetaKind.POST,
    "ig_other_media": MetaKind.POST,
    "ig_profile_picture": MetaKind.PICTURE,
    "comments_media_comments": MetaKind.COMMENT,
    "comments_reels_comments": MetaKind.COMMENT,
    "likes_media_likes": MetaKind.POST_LIKE,
    "likes_comment_likes": MetaKind.COMMENT_LIKE,
    "story_activities_story_likes": MetaKind.STORY_LIKE,
    "relationships_followers": MetaKind.FOLLOWER,
    "relationships_following": MetaKind.FOLLOWING,
    "profile_user": MetaKind.PROFILE,
    "account_history_registration_info": MetaKind.SIGN_UP,
    "messages": MetaKind.MESSAGE,
}
INSTAGRAM_FILES: Mapping[str, MetaKind] = {
    "posts": MetaKind.POST,
    "reels": MetaKind.POST,
    "igtv_videos": MetaKind.POST,
    "archived_posts": MetaKind.POST,
    "other_content": MetaKind.POST,
    "stories": MetaKind.STORY,
    "profile_photos": MetaKind.PICTURE,
    "post_comments": MetaKind.COMMENT,
    "reels_comments": MetaKind.COMMENT,
    "liked_posts": MetaKind.POST_LIKE,
    "liked_comments": MetaKind.COMMENT_LIKE,
    "story_likes": MetaKind.STORY_LIKE,
    "followers": MetaKind.FOLLOWER,
    "following": MetaKind.FOLLOWING,
    "personal_information": MetaKind.PROFILE,
}
# Pages have no names of members, so these files are recognized by their names only there.
PAGE_FILES: Mapping[str, MetaKind] = {
    "message": MetaKind.MESSAGE,
    "signup_details": MetaKind.SIGN_UP,
    "signup_information": MetaKind.SIGN_UP,
}
FACEBOOK_KEYS: Mapping[str, MetaKind] = {
    "status_updates": MetaKind.POST,
    "group_posts": MetaKind.POST,
    "archived_stories": MetaKind.STORY,
    "other_photos": MetaKind.PICTURE,
    "videos": MetaKind.PICTURE,
    "notes": MetaKind.NOTE,
    "comments": MetaKind.COMMENT,
    "group_comments": MetaKind.COMMENT,
    "reactions": MetaKind.REACTION,
    "page_likes": MetaKind.PAGE_LIKE,
    "friends": MetaKind.FRIEND,
    "followers": MetaKind.FOLLOWER,
    "following": MetaKind.FOLLOWING,
    "profile": MetaKind.PROFILE,
    "messages": MetaKind.MESSAGE,
}
FACEBOOK_FILES: Mapping[str, MetaKind] = {
    "your_posts": MetaKind.POST,
    "your_posts__check_ins__photos_and_videos": MetaKind.POST,
    "posts": MetaKind.POST,
    "posts_on_other_pages_and_profiles": MetaKind.POST,
    "check_ins": MetaKind.POST,
    "group_posts_and_comments": MetaKind.POST,
    "your_posts_in_groups": MetaKind.POST,
    "archived_stories": MetaKind.STORY,
    "your_uncategorized_photos": MetaKind.PICTURE,
    "your_photos": MetaKind.PICTURE,
    "your_videos": MetaKind.PICTURE,
    "comments": MetaKind.COMMENT,
    "your_comments_in_groups": MetaKind.COMMENT,
    "likes_and_reactions": MetaKind.REACTION,
    "posts_and_comments": MetaKind.REACTION,
    "pages_you_ve_liked": MetaKind.PAGE_LIKE,
    "your_friends": MetaKind.FRIEND,
    "people_who_followed_you": MetaKind.FOLLOWER,
    "who_you_ve_followed": MetaKind.FOLLOWING,
    "profile_information": MetaKind.PROFILE,
}
COMMENT_TEXTS = 3  # The comment, whose post it is of, and when it was written.
_OLD_PICTURES = frozenset({"photos", "videos", "stories", "profile"})
_VERSION = re.compile(r"_v\d+$")
_PART = re.compile(r"(?:[ _-]?\(\d+\)|[ _-]\d+|[ _-]copy)+$")


@dataclass(frozen=True, slots=True)
class Layout:
    """The names by which one of the two services is recognized: of members, of files, and of the other service."""

    keys: Mapping[str, MetaKind]
    files: Mapping[str, MetaKind]
    foreign_keys: frozenset[str]

    def kind_of(self, thing: Mapping[str, Any], key: str, file: str) -> MetaKind | None:
        """Return what an object is; None if it is no entry.

        Args:
            thing: The object.
            key: The name of the member or list that contains it.
            file: The path of its file.
        """
        if (kind := self.keys.get(_VERSION.sub("", key))) is not None:
            return kind if kind is not MetaKind.MESSAGE or is_message(thing) else None
        if self.keys is INSTAGRAM_KEYS:
            return _old_kind(thing, key) or self._kind_in_list(thing, key, file)
        if "photos" in thing and ("cover_photo" in thing or "last_modified_timestamp" in thing):
            return MetaKind.ALBUM
        return self._kind_in_list(thing, key, file)

    def kind_of_page(self, file: str) -> MetaKind | None:
        """Return what the entries of a web page are; None if they are none."""
        name = file_key(file)
        return PAGE_FILES.get(name) or self.files.get(name)

    def is_wrapper(self, thing: Mapping[str, Any]) -> bool:
        """Return whether an object has entries as members."""
        return any(_VERSION.sub("", name) in self.keys for name in thing)

    def is_foreign(self, thing: Mapping[str, Any]) -> bool:
        """Return whether an object has members that only the other service's exports have."""
        return any(_VERSION.sub("", name) in self.foreign_keys for name in thing)

    def _kind_in_list(self, thing: Mapping[str, Any], key: str, file: str) -> MetaKind | None:
        """Return the kind of an element of a list without a name."""
        if key or self.is_wrapper(thing):
            return None
        if self.keys is FACEBOOK_KEYS and "timestamp" in thing and (kind := _kind_by_content(thing)) is not None:
            return kind
        kind = self.files.get(file_key(file))
        if kind is None:
            return _instagram_kind(thing, has_name=bool(file)) if self.keys is INSTAGRAM_KEYS else None
        has_date = any(name in thing for name in ("timestamp", "creation_timestamp", "media", "uri"))
        return kind if has_date or is_labelled(thing) else None


INSTAGRAM = Layout(
    INSTAGRAM_KEYS,
    INSTAGRAM_FILES,
    frozenset({"status_updates", "group_posts", "page_likes", "reactions", "friends", "other_photos"}),
)
FACEBOOK = Layout(
    FACEBOOK_KEYS,
    FACEBOOK_FILES,
    frozenset({key for key in INSTAGRAM_KEYS if key != "messages"} | {"media_likes", "media_comments"}),
)


def role_of(layout: Layout, thing: Mapping[str, Any], key: str, file: str) -> ObjectRole:
    """Return the role of an object in an export."""
    if layout.kind_of(thing, key, file) is not None:
        return ObjectRole.RECORD
    return ObjectRole.WRAPPER if layout.is_wrapper(thing) else ObjectRole.UNKNOWN


def file_key(path: str) -> str:
    """Return the name of a file without folders, ending, part number, and the marks of copies."""
    name = path.replace("\\", "/").rpartition("/")[2].lower()
    name = name.removesuffix(".gz").removesuffix(".json").removesuffix(".html").removesuffix(".htm")
    return _PART.sub("", name).replace("’", "_").replace("'", "_").replace("-", "_")


def is_message(thing: Mapping[str, Any]) -> bool:
    """Return whether an object is a message of a conversation, in either of Messenger's layouts."""
    return ("sender_name" in thing and "timestamp_ms" in thing) or ("senderName" in thing and "timestamp" in thing)


def _kind_by_content(thing: Mapping[str, Any]) -> MetaKind | None:
    """Return the kind of a Facebook entry by what it has."""
    data = thing.get("data")
    names = {name for part in data if isinstance(part, dict) for name in part} if isinstance(data, list) else set()
    if "reaction" in names:
        return MetaKind.REACTION
    if "comment" in names:
        return MetaKind.COMMENT
    return MetaKind.POST if "post" in names else None


def _instagram_kind(thing: Mapping[str, Any], *, has_name: bool) -> MetaKind | None:
    """Return the kind of an entry in a plain list, by what it has.

    Args:
        thing: The entry.
        has_name: Whether the file has a name, which says that it is none of those that are known.
    """
    media = thing.get("media")
    if isinstance(media, list):
        dated = (thing, *(one for one in media[:1] if isinstance(one, dict)))
        return MetaKind.POST if any("creation_timestamp" in one for one in dated) else None
    if has_name or "media_list_data" not in thing:
        return None
    texts = thing.get("string_map_data")
    if isinstance(texts, dict) and len(texts) == COMMENT_TEXTS:
        return MetaKind.COMMENT
    # Lists of other people, such as those whom one follows, have a name around them.
    return MetaKind.FOLLOWER if thing.get("title") == "" and "string_list_data" in thing else None


def _old_kind(thing: Mapping[str, Any], key: str) -> MetaKind | None:
    if key in _OLD_PICTURES and "taken_at" in thing:
        return MetaKind.OLD_PICTURE
    if key:
        return None
    if "media_likes" in thing:
        return MetaKind.OLD_LIKES
    if "media_comments" in thing:
        return MetaKind.OLD_COMMENTS
    if isinstance(thing.get("followers"), dict) and isinstance(thing.get("following"), dict):
        return MetaKind.OLD_CONNECTIONS
    if "conversation" in thing and "participants" in thing:
        return MetaKind.OLD_CONVERSATION
    return MetaKind.OLD_PROFILE if "username" in thing and "date_joined" in thing else None
