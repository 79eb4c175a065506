"""A reader for the exports of both services: a zip of any layout, one of its parts, or a single file of it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Protocol

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import JsonObject
from privateshare.sources.failures import LeftOut
from privateshare.sources.json_records import ObjectRole
from privateshare.sources.json_values import read_outline
from privateshare.sources.meta.kinds import Layout, MetaKind, role_of
from privateshare.sources.meta.mapping import post_code
from privateshare.sources.meta.messages import message, people_of
from privateshare.sources.meta.pages import blocks_of, entry_of_block, is_page
from privateshare.sources.meta.reasons import UNREADABLE
from privateshare.sources.meta.text import repaired
from privateshare.sources.object_building import Mapped, SourceAccount, stable_id
from privateshare.sources.upload_records import UploadReader

MAX_KNOWN_MESSAGES = 200_000
# Other objects have ids that no two of them can have in common.
_REPEATABLE = frozenset({ObjectType.COMMENT, ObjectType.LIKE, ObjectType.MESSAGE})
START_BYTES = 64 * 1024
# The pictures and other files that people published. Only what the export says about them is read.
MEDIA_ENDINGS = frozenset(
    (
        *(".jpg", ".jpeg", ".png", ".webp", ".heic", ".gif", ".bmp", ".svg", ".ico", ".mp4", ".mov", ".m4v", ".webm"),
        *(".avi", ".mkv", ".3gp", ".mp3", ".m4a", ".aac", ".wav", ".ogg", ".opus", ".srt", ".vtt", ".pdf", ".css"),
        *(".js", ".txt", ".docx", ".xlsx", ".pptx"),
    )
)


class Entries(Protocol):
    """The mapping of the entries of one service."""

    owners: dict[str, str]

    def objects_of(self, kind: MetaKind, thing: JsonObject) -> Iterator[Mapped]:
        """Yield the objects of an entry. Raises ValueError."""

    def rest(self) -> Iterator[Mapped]:
        """Yield what can only be told at the end."""


def is_media(path: str) -> bool:
    """Return whether a file of an export is a picture or another file that is not read."""
    return PurePosixPath(path).suffix.lower() in MEDIA_ENDINGS


class MetaExportReader:
    """A reader of one export.

    Attributes:
        is_foreign: Whether it has entries that only the other service's exports have.
    """

    def __init__(self, layout: Layout, entries: Entries, account: SourceAccount, left_out: LeftOut) -> None:
        self.is_foreign = False
        self._layout, self._entries, self._account, self._left_out = layout, entries, account, left_out
        self._file = self._conversation = ""
        self._people: list[str] = []
        self._moment: int | None = None
        self._repeated: Counter[str] = Counter()
        self._conversations: dict[int, int] = {}
        self._now = datetime.now(UTC)

    def objects(self, files: Iterable[UploadedFile]) -> Iterator[Mapped]:
        """Yield the objects of all files. Entries that cannot be read are counted."""
        upload = UploadReader(self._role_of, self._left_out)
        for file in files:
            with file.open() as stream:
                start = stream.read(START_BYTES)
            self._file, path = file.path, PurePosixPath(file.path)
            self._conversation = path.parent.name or path.stem
            self._repeated.clear()
            if is_page(start) and file.path:
                yield from self._objects_of_page(file)
                continue
            about = read_outline(start, start.index(b"{")) if b'"participants"' in start and b"{" in start else {}
            self._people = people_of(repaired(about))
            for found in upload.records_of(file):
                kind = self._layout.kind_of(found.thing, found.key, found.file)
                if kind is not None:
                    yield from self._mapped(kind, repaired(found.thing))
        upload.estimate()
        yield from self._entries.rest()

    def _objects_of_page(self, file: UploadedFile) -> Iterator[Mapped]:
        kind = self._layout.kind_of_page(file.path)
        if kind is None:
            self._left_out.name_other_file(file.path)
            return
        self._people = []
        for block in blocks_of(file, self._now):
            if block.block.texts or block.block.pictures or block.block.heading:
                yield from self._mapped(kind, entry_of_block(kind, block))

    def _mapped(self, kind: MetaKind, thing: JsonObject) -> Sequence[Mapped]:
        """Map an entry completely, so that one that fails gives no objects."""
        try:
            mapped = list(self._objects_of(kind, thing))
        except (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError):
            self._left_out.leave_out(UNREADABLE)
            return ()
        self._left_out.read += 1
        return [(object_type, self._numbered(object_type, one)) for object_type, one in mapped]

    def _numbered(self, object_type: int, thing: JsonObject) -> JsonObject:
        """Return an object with an id of its own if the same file has an equal one of the same time before it.

        Pages have times without seconds, and people write the same twice. Entries are sorted by time, so only those of
        the same time are remembered.
        """
        if object_type == ObjectType.MESSAGE:
            thing = self._of_conversation(thing)
        if object_type not in _REPEATABLE or "createddate" not in thing or post_code(thing.get("link", "")):
            return thing
        if self._moment != (moment := thing["createddate"]):
            self._moment = moment
            self._repeated.clear()
        own_id = thing["entityid"]
        self._repeated[own_id] += 1
        number = self._repeated[own_id]
        if number == 1:
            return thing
        return thing | {"id": f"{thing['id']}-{number}", "entityid": f"{own_id}-{number}"}

    def _of_conversation(self, thing: JsonObject) -> JsonObject:
        """Return a message with an id of its own if it was sent to another conversation too, at the same moment."""
        own, conversation = hash(thing["entityid"]), hash(thing.get("conversationid"))
        if len(self._conversations) < MAX_KNOWN_MESSAGES:
            self._conversations.setdefault(own, conversation)
        if self._conversations.get(own, conversation) == conversation:
            return thing
        mark = stable_id(*sorted(self._people)) if self._people else stable_id(thing.get("conversationid"))
        return thing | {"id": f"{thing['id']}-{mark}", "entityid": f"{thing['entityid']}-{mark}"}

    def _objects_of(self, kind: MetaKind, thing: JsonObject) -> Iterator[Mapped]:
        if kind is not MetaKind.MESSAGE:
            return self._entries.objects_of(kind, thing)
        return iter([(ObjectType.MESSAGE, message(self._account, thing, self._conversation, self._people))])

    def _role_of(self, thing: JsonObject, key: str) -> ObjectRole:
        self.is_foreign = self.is_foreign or (key == "" and self._layout.is_foreign(thing))
        return role_of(self._layout, thing, key, self._file)
