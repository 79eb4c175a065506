"""A reader for archives: all files of a zip, a part of it, or a single file."""

from collections.abc import Iterable, Iterator, Sequence

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import JsonObject
from privateshare.sources.failures import Broken, LeftOut, Reason
from privateshare.sources.json_records import ObjectRole
from privateshare.sources.object_building import Mapped, SourceAccount, text_of
from privateshare.sources.upload_records import UploadReader
from privateshare.sources.x_archive.kinds import XKind, kind_of, role_of
from privateshare.sources.x_archive.mapping import like, message, note_text, person, post_objects, profile
from privateshare.sources.x_archive.scripts import as_json

MAX_NOTES = 50_000
UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s entries has no id or date that can be read.",
    "%(num)s of %(total)s entries have no id or date that can be read.",
    Broken("The entries of the archive have no ids or dates that can be read. Request the archive again."),
)


class ArchiveReader:
    """A reader of one archive.

    Attributes:
        owners: The ids of the accounts that the archive says it is of, with their user names.
    """

    def __init__(self, account: SourceAccount, left_out: LeftOut) -> None:
        self.owners: dict[str, str] = {}
        self._account, self._left_out = account, left_out
        self._conversation = ""
        self._notes: dict[int, str] = {}
        self._about: JsonObject = {}
        self._details: JsonObject = {}

    def objects(self, files: Iterable[UploadedFile]) -> Iterator[Mapped]:
        """Yield the objects of all files. Entries that cannot be read are counted."""
        upload = UploadReader(self._role_of, self._left_out)
        for file in files:
            for found in upload.records_of(as_json(file)):
                kind = kind_of(found.thing, found.key)
                if kind is not None:
                    yield from self._mapped(kind, found.thing)
        upload.estimate()
        # Long posts whose beginning is in no file that was read.
        for moment, text in self._notes.items():
            yield ObjectType.POST, self._account.thing(f"note_{moment}", moment, text=text)
        if self._about:
            yield ObjectType.PROFILE, profile(self._account, self._about, self._details)

    def _mapped(self, kind: XKind, thing: JsonObject) -> Sequence[Mapped]:
        try:
            mapped = list(self._objects_of(kind, thing))
        except (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError):
            self._left_out.leave_out(UNREADABLE)
            return ()
        self._left_out.read += 1
        return mapped

    def _objects_of(self, kind: XKind, thing: JsonObject) -> Iterator[Mapped]:
        if kind is XKind.POST:
            yield from post_objects(self._account, thing, self._notes)
        elif kind is XKind.NOTE:
            moment, text = note_text(thing)
            if len(self._notes) < MAX_NOTES:
                self._notes[moment] = text
        elif kind is XKind.LIKE:
            yield ObjectType.LIKE, like(self._account, thing)
        elif kind is XKind.MESSAGE:
            yield ObjectType.MESSAGE, message(self._account, thing, self._conversation, self.owners)
        elif kind in (XKind.FOLLOWER, XKind.FOLLOWING):
            relation = "follower" if kind is XKind.FOLLOWER else "following"
            yield ObjectType.SOCIAL_NETWORK_USER, person(self._account, thing, relation)
        elif kind is XKind.ACCOUNT:
            self._note_account(thing)
        else:
            self._details = thing

    def _note_account(self, thing: JsonObject) -> None:
        own_id, name = text_of(thing.get("accountId")), text_of(thing.get("username")) or text_of(thing.get("userName"))
        if not own_id:
            raise ValueError("the account has no id")
        self.owners[own_id] = name or own_id
        self._about = {**thing, **self._about} if "createdAt" in self._about else {**self._about, **thing}

    def _role_of(self, thing: JsonObject, key: str) -> ObjectRole:
        if key == "dmConversation":
            self._conversation = text_of(thing.get("conversationId"))
        return role_of(thing, key)
