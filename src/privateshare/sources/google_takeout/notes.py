"""The notes of Google Keep: a JSON file for each."""

from pathlib import PurePosixPath

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import JsonObject
from privateshare.sources.json_records import FoundRecord, ObjectRole
from privateshare.sources.object_building import (
    Mapped,
    SourceAccount,
    dict_of,
    list_of,
    milliseconds,
    stable_id,
    text_of,
)


def note_role(thing: JsonObject, _: str) -> ObjectRole:
    """Return the role of an object in the files of Keep."""
    is_note = "isTrashed" in thing and ("userEditedTimestampUsec" in thing or "createdTimestampUsec" in thing)
    return ObjectRole.RECORD if is_note or "listContent" in thing else ObjectRole.UNKNOWN


class NoteMapping:
    """The mapping of one export."""

    def __init__(self, account: SourceAccount) -> None:
        self._account = account

    def mapped(self, found: FoundRecord, path: str) -> Mapped | None:
        """Map a note. Raises ValueError if it has no date."""
        thing = found.thing
        edited = milliseconds(thing.get("userEditedTimestampUsec"))
        created = milliseconds(thing.get("createdTimestampUsec"))
        moment = created if created is not None else edited
        if moment is None:
            raise ValueError("the note has no date")
        title = text_of(thing.get("title"))
        # Notes were exported without the time when they were written until 2021.
        written = thing.get("createdTimestampUsec") if created is not None else PurePosixPath(path).stem or title
        annotations = (dict_of(one) for one in list_of(thing.get("annotations")))
        note = self._account.thing(
            stable_id("note", written),
            moment,
            updateddate=edited,
            title=title,
            text=text_of(thing.get("textContent")),
            items=[_item(dict_of(one)) for one in list_of(thing.get("listContent"))],
            labels=[name for one in list_of(thing.get("labels")) if (name := text_of(dict_of(one).get("name")))],
            isarchived=thing.get("isArchived") is True or None,
            ispinned=thing.get("isPinned") is True or None,
            istrashed=thing.get("isTrashed") is True or None,
            link=next((url for one in annotations if (url := text_of(one.get("url")))), ""),
            attachments=[file for one in list_of(thing.get("attachments")) if (file := _attachment(dict_of(one)))],
        )
        return ObjectType.NOTE, note


def _item(line: JsonObject) -> JsonObject:
    return {"text": text_of(line.get("text")), "isdone": line.get("isChecked") is True}


def _attachment(file: JsonObject) -> JsonObject:
    path = text_of(file.get("filePath"))
    found = {"name": PurePosixPath(path).name, "uri": path, "mimetype": text_of(file.get("mimetype"))}
    return {name: value for name, value in found.items() if value}
