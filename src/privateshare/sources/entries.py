"""Objects on their way into files: serialised, with what they are merged, sorted and limited by."""

from dataclasses import dataclass

from privateshare.protocol.object_time import object_time, object_window
from privateshare.protocol.window import Window
from privateshare.sources.contract import JsonObject, ObjectSchema, one_line


@dataclass(frozen=True, slots=True)
class Entry:
    """One object, serialised in one line, with what it is merged, sorted and limited by.

    `window` is None if it has no date.
    """

    entity_id: str
    moment: int | None
    window: Window | None
    data: bytes


def entry_of(schema: ObjectSchema, thing: JsonObject, text: bytes | None = None) -> Entry:
    """Make an entry of an object. `text`: its JSON in one line, if it is to stay as it was written."""
    moment, window = object_time(schema.standard, thing), object_window(schema.standard, thing)
    return Entry(schema.entity_id(thing), moment, window, text if text is not None else one_line(thing))
