"""The mapping of posts, comments, likes and people, as both services write them."""

from collections.abc import Iterator, Sequence
from typing import Any

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.meta.labels import LabelledEntry
from privateshare.sources.meta.pictures import created, file_id, picture_object, uri_of
from privateshare.sources.object_building import JsonObject, Mapped, SourceAccount, stable_id

FOLLOWER, FOLLOWING, FRIEND = "follower", "following", "friend"


def post_objects(
    account: SourceAccount, moment: int | None, text: str, pictures: Sequence[dict[str, Any]], **fields: Any
) -> Iterator[Mapped]:
    """Yield a post and its pictures.

    Args:
        account: The account.
        moment: When it was published; None if only its pictures say that.
        text: Its text.
        pictures: Descriptions of its pictures and videos.
        fields: Its other fields.

    Raises:
        ValueError: It has no date.
    """
    moment = moment or next((found for picture in pictures if (found := created(picture))), None)
    if moment is None:
        raise ValueError("the post has no date")
    # The first picture is the same in exports of all layouts, which have different texts for posts with several.
    own_id = stable_id("post", file_id(uri_of(pictures[0]))) if pictures else stable_id("post", moment, text)
    post = account.thing(own_id, moment, text=text, **fields)
    yield ObjectType.POST, post
    for picture in pictures:
        yield ObjectType.MEDIA, picture_object(account, picture, moment, post)


def comment_object(account: SourceAccount, moment: int | None, text: str, owner: str = "", **fields: Any) -> JsonObject:
    """Build a comment.

    Args:
        account: The account.
        moment: When it was written.
        text: Its text.
        owner: The user name of the person whose post it is about.
        fields: Its other fields.

    Raises:
        ValueError: It has no date.
    """
    if moment is None:
        raise ValueError("the comment has no date")
    return account.thing(
        stable_id("comment", moment, text), moment, text=text, referenceusername=owner, referenceentitytype=2, **fields
    )


def like_object(
    account: SourceAccount, entry: LabelledEntry, liked: int, *, user_name: str, full_name: str = ""
) -> JsonObject:
    """Build a like from an entry with labels. `liked` is the object type of what is liked.

    Raises:
        ValueError: The entry has neither a date nor a link.
    """
    what = post_code(entry.link) or entry.link
    if not what and entry.moment is None:
        raise ValueError("the like has no date")
    return account.thing(
        stable_id("like", liked, what, *(() if what and liked == ObjectType.POST else (entry.moment,))),
        entry.moment,
        link=entry.link,
        personusername=user_name,
        personfullname=full_name,
        referenceentitytype=liked,
    )


def person_object(
    account: SourceAccount, relation: str, name: str, moment: int | None, link: str = "", full_name: str = ""
) -> JsonObject:
    """Build a follower, a friend, or somebody whom the person follows.

    Raises:
        ValueError: There is no name.
    """
    if not name and not full_name:
        raise ValueError("the person has no name")
    return account.thing(
        stable_id(relation, name or full_name, *(() if name else (moment,))),
        moment,
        relation=relation,
        username=name,
        displayname=full_name,
        profileurl=link,
    )


def post_code(link: str) -> str:
    """Return the code of an Instagram post in its address, which is the same whatever the address begins with."""
    parts = link.split("?")[0].rstrip("/").split("/")
    for name in ("p", "reel", "reels", "tv"):
        if name in parts[:-1] and "instagram" in link:
            return parts[parts.index(name) + 1]
    return ""
