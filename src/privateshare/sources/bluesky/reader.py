"""The records of a Bluesky repository."""

from collections.abc import Iterator

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.bluesky import mapping
from privateshare.sources.bluesky.car import CarBlock, DamagedCar, NotACar, blocks_of
from privateshare.sources.export_reader import DeclaredReader
from privateshare.sources.failures import NotTaken, shown_name
from privateshare.sources.json_api.values import moment_of, required_moment
from privateshare.sources.object_building import Mapped, text_of

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
                self.complete |= {ObjectType.POST, ObjectType.LIKE}  # A repository has all of them, or none is read.
                return
            except NotACar:
                pass
            except DamagedCar:
                self.left_out.name_damaged_file(file.path)
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
        own_id = mapping.record_id(block.cid)
        if kind == "feed.post":
            yield ObjectType.POST, mapping.post(content, own_id, self.account)
        elif kind == "feed.repost":
            yield ObjectType.POST, mapping.repost(content, own_id, self.account)
        elif kind == "feed.like":
            yield ObjectType.LIKE, mapping.like(content, own_id, self.account)
        elif kind == "graph.follow":
            did = text_of(content.get("subject"))
            if not did:
                raise ValueError("the record has no subject")
            person = self.account.thing(
                f"following_{did}",
                required_moment(content.get("createdAt")),
                relation="following",
                username=did,
                profileurl=f"{mapping.SITE}/{did}",
            )
            yield ObjectType.SOCIAL_NETWORK_USER, person
        elif kind == "actor.profile":
            profile = self.account.thing(
                "profile",
                moment_of(content.get("createdAt")),
                displayname=text_of(content.get("displayName")),
                bio=text_of(content.get("description")),
                profileurl=f"{mapping.SITE}/{next(iter(self.owners), '')}" if self.owners else "",
            )
            yield ObjectType.PROFILE, profile
        elif kind:
            self.left_out.pass_over(NotTaken(own_name=shown_name(kind)))
