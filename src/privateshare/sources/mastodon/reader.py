"""The files of a Mastodon archive, which are in terms of ActivityStreams, and the table of people who are followed."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from privateshare.protocol.catalogue import ObjectType
from privateshare.protocol.dates import read_date
from privateshare.sources.contract import JsonObject
from privateshare.sources.export_reader import DeclaredReader
from privateshare.sources.html_text import text_of_html
from privateshare.sources.json_records import FoundRecord, ObjectRole
from privateshare.sources.mastodon import mapping
from privateshare.sources.object_building import Mapped, dict_of, list_of, stable_id, text_of
from privateshare.sources.tables import TableKind, TableRow

PICTURE, VIDEO, POST = 0, 1, 2
PUBLIC = ("https://www.w3.org/ns/activitystreams#Public", "as:Public", "Public")
LIKES = "likes.json"
ACTOR_WITH_NAME = re.compile(r"^https?://(?P<server>[^/@]+)/(users/|@)(?P<name>\w+)$", re.ASCII)
ACTIVITIES = frozenset({"Create", "Announce"})


class MastodonReader(DeclaredReader):
    """A reader of an archive of Mastodon."""

    def role_of(self, thing: JsonObject, key: str) -> ObjectRole:
        """Return the role of an object."""
        is_activity = key == "orderedItems" and text_of(thing.get("type")) in ACTIVITIES
        is_likes = text_of(thing.get("id")).endswith(LIKES)
        is_actor = not key and "preferredUsername" in thing
        return ObjectRole.RECORD if is_activity or is_likes or is_actor else ObjectRole.WRAPPER

    def objects_of_record(self, found: FoundRecord) -> Iterator[Mapped]:
        """Yield the objects of an activity, the list of likes, or the actor."""
        thing = found.thing
        if named := ACTOR_WITH_NAME.search(text_of(thing.get("actor"))):  # Others end with a number.
            address = f"{named['name']}@{named['server']}"
            self.note_owner(mapping.account_id(address), self.owners.get(mapping.account_id(address), f"@{address}"))
        if "preferredUsername" in thing:
            yield self._profile(thing)
        elif text_of(thing.get("id")).endswith(LIKES):
            yield from self._likes(thing)
        elif thing.get("type") == "Announce":
            yield self._boost(thing)
        else:
            yield from self._note(thing)

    def followed(self, row: TableRow) -> Iterator[Mapped]:
        """Yield somebody whom the person follows."""
        address = mapping.address_of_member(row.needed_text("address"), self.account)
        name, _, server = address.partition("@")
        person = self.account.thing(
            mapping.person_id(mapping.FOLLOWING, address),
            None,
            relation="following",
            username=address,
            profileurl=f"https://{server}/@{name}" if server else "",
        )
        yield ObjectType.SOCIAL_NETWORK_USER, person

    def _note(self, activity: JsonObject) -> Iterator[Mapped]:
        note = dict_of(activity.get("object"))
        own_id, moment = text_of(note.get("id")), _moment(note.get("published") or activity.get("published"))
        if not own_id or moment is None:
            raise ValueError("the post has no id or date")
        visibility, recipients = _visibility(note)
        text = text_of_html(text_of(note.get("content")) or text_of(note.get("name")))
        warning = text_of(note.get("summary"))
        files = [dict_of(one) for one in list_of(note.get("attachment"))]
        if visibility == "direct":
            yield self._message(note, moment, text, recipients, files)
            return
        post = self.account.thing(
            own_id,
            moment,
            title=warning,
            text=text,
            posturl=text_of(note.get("url")) or own_id,
            referenceentityid=text_of(note.get("inReplyTo")),
            visibility=visibility,
        )
        yield ObjectType.POST, post
        for number, file in enumerate(files):
            address, mimetype = text_of(file.get("url")), text_of(file.get("mediaType"))
            if not address:
                continue
            kind = VIDEO if mimetype.startswith(("video/", "audio/")) else PICTURE
            resource = {"url": address, "type": kind} | ({"mimetype": mimetype} if mimetype else {})
            media = self.account.thing(
                f"{own_id}#{number}",
                moment,
                name=address.rsplit("/", 1)[-1],
                description=text_of(file.get("name")),
                postentityid=post["entityid"],
                resources=[resource],
            )
            yield ObjectType.MEDIA, media | {"type": kind}

    def _message(
        self, note: JsonObject, moment: int, text: str, recipients: list[str], files: list[JsonObject]
    ) -> Mapped:
        """Map a post that only some people can see."""
        names = [address_of(recipient) for recipient in recipients]
        message = self.account.thing(
            text_of(note.get("id")),
            moment,
            conversationid=text_of(note.get("conversation"))
            or text_of(note.get("context"))
            or stable_id(*sorted(names)),
            sendername=address_of(text_of(note.get("attributedTo"))),
            recipientnames=names,
            text=text,
            attachments=[
                {"name": address.rsplit("/", 1)[-1], "uri": address}
                for file in files
                if (address := text_of(file.get("url")))
            ],
        )
        return ObjectType.MESSAGE, message

    def _boost(self, activity: JsonObject) -> Mapped:
        own_id, moment = text_of(activity.get("id")), _moment(activity.get("published"))
        shared = text_of(activity.get("object")) or text_of(dict_of(activity.get("object")).get("id"))
        if not own_id or moment is None or not shared:
            raise ValueError("the boost has no id or date")
        links = [{"link": shared}]
        post = self.account.thing(own_id, moment, links=links, referenceentityid=shared, isshared=True)
        return ObjectType.POST, post

    def _likes(self, thing: JsonObject) -> Iterator[Mapped]:
        """Yield the likes. The archive does not say when they were given."""
        for liked in list_of(thing.get("orderedItems")):
            if address := text_of(liked):
                like = self.account.thing(
                    mapping.like_id(address),
                    None,
                    reaction="like",
                    link=address,
                    referenceentityid=address,
                    referenceentitytype=POST,
                )
                yield ObjectType.LIKE, like

    def _profile(self, actor: JsonObject) -> Mapped:
        own_id, name = text_of(actor.get("id")), text_of(actor.get("name"))
        # The id of an actor ends with a number on newer servers, and with the name on others.
        username, server = text_of(actor.get("preferredUsername")), address_of(own_id).rpartition("@")[2]
        address = f"{username}@{server}" if username and server else address_of(own_id)
        self.note_owner(mapping.account_id(address), f"@{address}")
        sites = [text_of_html(text_of(dict_of(one).get("value"))) for one in list_of(actor.get("attachment"))]
        profile = self.account.thing(
            "profile",
            _moment(actor.get("published")),
            username=address,
            displayname=name,
            bio=text_of_html(text_of(actor.get("summary"))),
            profileurl=text_of(actor.get("url")) or own_id,
            additionalurl=next((site for site in sites if site.startswith(("http://", "https://"))), ""),
        )
        return ObjectType.PROFILE, profile

    tables = (
        TableKind(
            {"address": ("Account address",), "boosts": ("Show boosts",)},
            ("address", "boosts"),
            followed,
        ),
    )


def address_of(actor: str) -> str:
    """Return the address of an actor, such as ann@example.social; what it is if it has another form."""
    try:
        parts = urlsplit(actor)
    except ValueError:
        return actor
    name = parts.path.rstrip("/").rsplit("/", 1)[-1].removeprefix("@")
    return f"{name}@{parts.netloc}" if name and parts.netloc else actor


def _visibility(note: JsonObject) -> tuple[str, list[str]]:
    """Return who can see a post, and to whom it is addressed."""
    to, beside = ([text_of(one) for one in _listed(note.get(name))] for name in ("to", "cc"))
    if any(one in PUBLIC for one in to):
        return "public", to
    if any(one in PUBLIC for one in beside):
        return "unlisted", to
    if any(one.endswith("/followers") for one in (*to, *beside)):
        return "private", to
    return ("direct" if to else "public"), to


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value] if value else []


def _moment(value: object) -> int | None:
    window = read_date(value)
    return window.start if window is not None else None
