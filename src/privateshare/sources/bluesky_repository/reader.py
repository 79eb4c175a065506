"""The records of a Bluesky repository."""

from collections.abc import Iterator
from typing import Any

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.bluesky_repository.car import CarBlock, DamagedCar, NotACar, blocks_of
from privateshare.sources.contract import JsonObject
from privateshare.sources.export_reader import DeclaredReader
from privateshare.sources.object_building import Mapped, dict_of, exact_moment, list_of, stable_id, text_of

POST = 2
WEB = "https://bsky.app/profile"
PREFIX = "app.bsky."


class BlueskyReader(DeclaredReader):
    """A reader of a repository.

    Ids are made of the hashes that the repository itself uses, so they are the same in every export.
    """

    def objects_of_file(self, file: UploadedFile) -> Iterator[Mapped]:
        """Yield the objects of one file."""
        with file.open() as stream:
            try:
                for block in blocks_of(stream):
                    yield from self.checked(self._objects_of_block, block)
                return
            except NotACar:
                pass
            except DamagedCar:
                self.name_damaged(file)
                return
        yield from super().objects_of_file(file)

    def _objects_of_block(self, block: CarBlock) -> Iterator[Mapped]:
        content = block.content
        if not isinstance(content, dict):
            raise ValueError("the block cannot be read")
        if "did" in content and "rev" in content:
            did = text_of(content.get("did"))
            self.note_owner(did, did)
        kind = text_of(content.get("$type")).removeprefix(PREFIX)
        own_id = stable_id(block.cid.hex())
        if kind == "feed.post":
            yield self._post(content, own_id)
        elif kind == "feed.repost":
            shared, moment = _subject(content), _needed_moment(content)
            post = self.account.thing(
                own_id, moment, links=[{"link": web_address(shared)}], referenceentityid=shared, isshared=True
            )
            yield ObjectType.POST, post
        elif kind == "feed.like":
            liked = _subject(content)
            like = self.account.thing(
                own_id,
                _needed_moment(content),
                reaction="like",
                link=web_address(liked),
                referenceentityid=liked,
                referenceentitytype=POST,
            )
            yield ObjectType.LIKE, like
        elif kind == "graph.follow":
            did = text_of(content.get("subject"))
            if not did:
                raise ValueError("the record has no subject")
            person = self.account.thing(
                f"following_{did}",
                _needed_moment(content),
                relation="following",
                username=did,
                profileurl=f"{WEB}/{did}",
            )
            yield ObjectType.SOCIAL_NETWORK_USER, person
        elif kind == "actor.profile":
            profile = self.account.thing(
                "profile",
                _moment(content.get("createdAt")),
                displayname=text_of(content.get("displayName")),
                bio=text_of(content.get("description")),
                profileurl=f"{WEB}/{next(iter(self.owners), '')}" if self.owners else "",
            )
            yield ObjectType.PROFILE, profile

    def _post(self, content: JsonObject, own_id: str) -> Mapped:
        external = dict_of(dict_of(content.get("embed")).get("external"))
        features = (
            dict_of(feature)
            for facet in list_of(content.get("facets"))
            for feature in list_of(dict_of(facet).get("features"))
        )
        addresses = [text_of(external.get("uri")), *(text_of(feature.get("uri")) for feature in features)]
        title = text_of(external.get("title"))
        links: list[dict[str, Any]] = [{"link": address} for address in dict.fromkeys(filter(None, addresses))]
        if links and title and links[0]["link"] == addresses[0]:
            links[0]["title"] = title
        post = self.account.thing(
            own_id,
            _needed_moment(content),
            text=text_of(content.get("text")),
            links=links,
            referenceentityid=text_of(dict_of(dict_of(content.get("reply")).get("parent")).get("uri")),
        )
        return ObjectType.POST, post


def web_address(uri: str) -> str:
    """Return the address on the web of a record such as at://did:plc:x/app.bsky.feed.post/3k."""
    parts = uri.removeprefix("at://").split("/")
    return f"{WEB}/{parts[0]}/post/{parts[2]}" if len(parts) == 3 else uri


def _subject(content: JsonObject) -> str:
    uri = text_of(dict_of(content.get("subject")).get("uri"))
    if not uri:
        raise ValueError("the record has no subject")
    return uri


def _needed_moment(content: JsonObject) -> int:
    moment = _moment(content.get("createdAt"))
    if moment is None:
        raise ValueError("the record has no date")
    return moment


def _moment(value: object) -> int | None:
    return exact_moment(value)
