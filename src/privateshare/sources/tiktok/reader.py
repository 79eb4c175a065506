"""The lists of TikTok's export: the newer and the older JSON, and the texts that people get if they choose TXT."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import JsonObject
from privateshare.sources.export_reader import DeclaredReader
from privateshare.sources.json_records import FoundRecord, ObjectRole
from privateshare.sources.object_building import Mapped, exact_moment, number_of, stable_id, text_of
from privateshare.sources.tiktok.texts import entries_of

PICTURE, VIDEO, POST = 0, 1, 2
CHAT_PREFIX = "chat history with"
_VIDEO_ID = re.compile(r"/(?:video|photo)/(\d+)")
_PICTURE = re.compile(r"\.(jpe?g|png|webp|heic)\b|/photo/|image", re.IGNORECASE)
# What an entry of each list is. The lists of watched and of own videos have the same name: own ones have likes.
LISTS = {
    "videolist": "watch",
    "itemfavoritelist": "like",
    "favoritevideolist": "favourite",
    "fanslist": "follower",
    "following": "following",
    "searchlist": "search",
    "commentslist": "comment",
    "profilemap": "profile",
}
# The same lists as texts, by the name of the file.
TEXTS = {
    "watch history": "watch",
    "video browsing history": "watch",
    "browsing history": "watch",
    "like list": "like",
    "likes": "like",
    "favorite videos": "favourite",
    "follower": "follower",
    "follower list": "follower",
    "following": "following",
    "following list": "following",
    "searches": "search",
    "search history": "search",
    "comments": "comment",
    "comment": "comment",
    "posts": "post",
    "post": "post",
    "videos": "post",
    "profile info": "profile",
    "profile information": "profile",
    "direct messages": "message",
    "direct message": "message",
}


class TikTokReader(DeclaredReader):
    """A reader of an export of TikTok."""

    def objects_of_file(self, file: UploadedFile) -> Iterator[Mapped]:
        """Yield the objects of one file."""
        kind = TEXTS.get(PurePosixPath(file.path).stem.strip().casefold())
        if file.path.lower().endswith(".txt") and kind is not None:
            for entry, chat in entries_of(file):

                def objects(thing: JsonObject, chat: str = chat) -> Iterator[Mapped]:
                    return self._objects_of(kind, thing, chat)

                yield from self.checked(objects, entry)
        else:
            yield from super().objects_of_file(file)

    def role_of(self, thing: JsonObject, key: str) -> ObjectRole:
        """Return the role of an object: an entry of a list that is known, or something around it."""
        return ObjectRole.RECORD if kind_of(thing, key) is not None else ObjectRole.WRAPPER

    def objects_of_record(self, found: FoundRecord) -> Iterator[Mapped]:
        """Yield the objects of an entry."""
        kind = kind_of(found.thing, found.key)
        thing = {name.casefold().replace(" ", ""): value for name, value in found.thing.items()}
        if kind is not None:
            yield from self._objects_of(kind, thing, chat_partner(found.key))

    def _objects_of(self, kind: str, thing: JsonObject, chat: str) -> Iterator[Mapped]:
        """Yield the objects of an entry, given its values by their names in small letters."""
        if kind == "profile":
            yield from self._profile(thing)
            return
        moment = moment_of(thing.get("date"))
        if moment is None:
            raise ValueError("the entry has no date")
        if kind == "watch":
            link = text_of(thing.get("link")) or text_of(thing.get("videolink"))
            own_id = f"{moment}_{stable_id(link)}"
            yield ObjectType.WATCH, self.account.thing(own_id, moment, link=link, videoid=video_id(link))
        elif kind in ("like", "favourite"):
            yield self._like(kind, thing, moment)
        elif kind in ("follower", "following"):
            yield self._person(kind, thing, moment)
        elif kind == "search":
            query = text_of(thing.get("searchterm"))
            if not query:
                raise ValueError("the search has no text")
            own_id = f"{moment}_{stable_id(query)}"
            yield ObjectType.SEARCH, self.account.thing(own_id, moment, query=query, product="TikTok")
        elif kind == "comment":
            text = text_of(thing.get("comment"))
            own_id = f"{moment}_{stable_id(text)}"
            link = text_of(thing.get("url"))
            comment = self.account.thing(own_id, moment, text=text, link=link, referenceentitytype=POST)
            yield ObjectType.COMMENT, comment
        elif kind == "message":
            yield self._message(thing, moment, chat)
        else:
            yield from self._post(thing, moment)

    def _like(self, kind: str, thing: JsonObject, moment: int) -> Mapped:
        link = text_of(thing.get("link"))
        liked = self.account.thing(
            f"{kind}_{video_id(link) or stable_id(link, moment)}",
            moment,
            reaction=kind,
            link=link,
            referenceentityid=video_id(link),
            referenceentitytype=POST,
        )
        return ObjectType.LIKE, liked

    def _person(self, relation: str, thing: JsonObject, moment: int) -> Mapped:
        name = text_of(thing.get("username"))
        if not name:
            raise ValueError("the person has no name")
        person = self.account.thing(
            f"{relation}_{name}",
            moment,
            relation=relation,
            username=name,
            profileurl=f"https://www.tiktok.com/@{name}",
        )
        return ObjectType.SOCIAL_NETWORK_USER, person

    def _message(self, thing: JsonObject, moment: int, chat: str) -> Mapped:
        sender, text = text_of(thing.get("from")), text_of(thing.get("content"))
        message = self.account.thing(
            stable_id(chat, moment, sender, text),
            moment,
            conversationid=stable_id("chat", chat),
            conversationname=chat,
            sendername=sender,
            recipientnames=[chat] if chat and chat != sender else [],
            text=text,
        )
        return ObjectType.MESSAGE, message

    def _post(self, thing: JsonObject, moment: int) -> Iterator[Mapped]:
        """Yield a post and its videos or pictures. Their addresses differ in each export."""
        addresses = text_of(thing.get("link")).split()
        likes = number_of(thing.get("likes")) if "likes" in thing else number_of(thing.get("like(s)"))
        post = self.account.thing(
            f"post_{moment}",
            moment,
            text=text_of(thing.get("title")),
            posturl=addresses[0] if addresses else "",
            likecount=int(likes) if likes is not None else None,
            visibility=text_of(thing.get("whocanview")),
        )
        yield ObjectType.POST, post
        for number, address in enumerate(addresses):
            is_picture = len(addresses) > 1 or _PICTURE.search(address) is not None
            kind = PICTURE if is_picture else VIDEO
            resources = [{"url": address, "type": kind}]
            media = self.account.thing(
                f"media_{moment}_{number}", moment, postentityid=post["entityid"], resources=resources
            )
            yield ObjectType.MEDIA, media | {"type": kind}

    def _profile(self, thing: JsonObject) -> Iterator[Mapped]:
        name = text_of(thing.get("username"))
        if not name:
            return
        self.note_owner(name, name)
        profile = self.account.thing(
            "profile",
            None,
            username=name,
            displayname=text_of(thing.get("displayname")),
            bio=text_of(thing.get("biodescription")) or text_of(thing.get("bio")),
            profileurl=f"https://www.tiktok.com/@{name}",
        )
        yield ObjectType.PROFILE, profile


def kind_of(thing: JsonObject, key: str) -> str | None:
    """Return what an object of the JSON is; None if it is no entry."""
    if key.casefold().startswith(CHAT_PREFIX) or {"From", "Content", "Date"} <= thing.keys():
        return "message"
    kind = LISTS.get(key.casefold())
    is_entry = kind == "profile" or "Date" in thing or "date" in thing
    if kind == "watch" and ("Likes" in thing or "WhoCanView" in thing):
        return "post"
    return kind if is_entry else None


def chat_partner(key: str) -> str:
    """Return with whom a chat is, from the name of its list: `Chat History with ann:`."""
    return key[len(CHAT_PREFIX) :].strip(" :") if key.casefold().startswith(CHAT_PREFIX) else ""


def video_id(link: str) -> str:
    """Return the id in the address of a video; empty if there is none."""
    found = _VIDEO_ID.search(link)
    return found[1] if found else ""


def moment_of(value: object) -> int | None:
    """Read a date, which is in UTC."""
    return exact_moment(value)
