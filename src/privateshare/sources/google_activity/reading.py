"""A reader for exports with activities: a zip of Takeout, its parts, or a single file, as JSON or as pages."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import JsonObject
from privateshare.sources.failures import OTHER_ACTIVITIES, Broken, LeftOut, NotTaken, Reason
from privateshare.sources.google_activity.activities import activity_object, is_activity, is_of_youtube, video_id
from privateshare.sources.google_activity.pages import activities_of, is_page
from privateshare.sources.google_activity.titles import LEARNED_TITLES, TitleFrame
from privateshare.sources.json_records import ObjectRole
from privateshare.sources.object_building import Mapped, SourceAccount, text_of
from privateshare.sources.upload_records import UploadReader, records_of_files

OTHER_SERVICES = NotTaken("Activities at other services of Google")
UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s activities has no date that can be read.",
    "%(num)s of %(total)s activities have no date that can be read.",
    Broken("The activities of the export have no dates that can be read. Request the export again."),
)


class ActivityReader:
    """A reader of one export."""

    def __init__(self, account: SourceAccount, left_out: LeftOut, now: datetime) -> None:
        self._account, self._left_out, self._now = account, left_out, now

    def objects(self, files: Iterable[UploadedFile]) -> Iterator[Mapped]:
        """Yield the objects of all files. Activities that cannot be read are counted."""
        upload = UploadReader(_role_of, self._left_out)
        for file in files:
            if is_page(file):
                for thing in activities_of(file, self._now):
                    yield from self._mapped(thing, TitleFrame(()))
                continue
            frame = TitleFrame(_titles(file))
            for found in upload.records_of(file):
                yield from self._mapped(found.thing, frame)
        upload.estimate()

    def _mapped(self, thing: JsonObject, frame: TitleFrame) -> Iterator[Mapped]:
        if not is_of_youtube(thing):
            self._left_out.pass_over(OTHER_SERVICES)
            return
        try:
            mapped = activity_object(self._account, thing, frame)
        except (ValueError, TypeError, AttributeError):
            self._left_out.leave_out(UNREADABLE)
            return
        if mapped is None:
            self._left_out.pass_over(OTHER_ACTIVITIES)
        else:
            self._left_out.read += 1
            yield mapped


def _role_of(thing: JsonObject, _: str) -> ObjectRole:
    return ObjectRole.RECORD if is_activity(thing) else ObjectRole.UNKNOWN


def _titles(file: UploadedFile) -> list[str]:
    """Return the first titles of videos in a file."""
    try:
        found = records_of_files([file], _role_of, LeftOut())
        return [
            text_of(one.thing.get("title"))
            for one in islice(found, LEARNED_TITLES)
            if video_id(text_of(one.thing.get("titleUrl")))
        ]
    except Broken:
        return []  # It is reported when the file is read.
