"""The workouts in the files of an upload, which are recognized by their content."""

from collections.abc import Iterator

from privateshare.sources.archive import UploadedFile
from privateshare.sources.failures import LeftOut, NotTaken
from privateshare.sources.workouts.fit import FitFault, FitRecordings, is_fit, messages_of
from privateshare.sources.workouts.recording import Recording
from privateshare.sources.workouts.track_xml import XmlFault, read_elements
from privateshare.sources.workouts.tracks import Tracks

START_BYTES = 1024
TRACK_ENDINGS = (".fit", ".gpx", ".tcx", ".kml", ".fit.gz", ".gpx.gz", ".tcx.gz")
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

TIMELESS = NotTaken("Tracks without times, such as planned routes")
WAYPOINTS = NotTaken("Waypoints")


def recordings_of(file: UploadedFile, left_out: LeftOut) -> Iterator[Recording]:
    """Yield the workouts of a file. Files that are damaged or hold other things are reported in `left_out`."""
    with file.open() as stream:
        start = stream.read(START_BYTES)
    if is_fit(start):
        yield from _of_fit(file, left_out)
    elif _is_xml(start):
        yield from _of_xml(file, left_out)
    elif file.path.lower().endswith(TRACK_ENDINGS):
        left_out.name_damaged_file(file.path, file.size)
    else:
        left_out.name_other_file(file.path)


def _is_xml(start: bytes) -> bool:
    for mark in _BOMS:
        start = start.removeprefix(mark)
    return start.lstrip(b" \t\r\n\0").startswith(b"<")


def _of_fit(file: UploadedFile, left_out: LeftOut) -> Iterator[Recording]:
    found = FitRecordings()
    is_damaged = False
    with file.open() as stream:
        try:
            for kind, message in messages_of(stream):
                found.take(kind, message)
        except FitFault:
            is_damaged = True
    recordings = found.recordings()
    left_out.pass_over(TIMELESS, found.timeless)
    if is_damaged:
        left_out.name_damaged_file(file.path)
    elif not recordings and not found.timeless:
        left_out.name_other_file(file.path)
    yield from recordings


def _of_xml(file: UploadedFile, left_out: LeftOut) -> Iterator[Recording]:
    tracks = Tracks()
    is_damaged, count = False, 0
    with file.open() as stream:
        pieces = read_elements(stream, tracks)
        while not is_damaged:
            try:
                if next(pieces, StopIteration) is StopIteration:
                    break
            except XmlFault:
                is_damaged = True
                tracks.finish()
            count += len(tracks.ready)
            yield from tracks.ready
            tracks.ready = []
    left_out.pass_over(TIMELESS, tracks.timeless)  # No workout was lost.
    left_out.pass_over(WAYPOINTS, tracks.waypoints)
    if is_damaged and (tracks.is_track_file or file.path.lower().endswith(TRACK_ENDINGS) or not file.path):
        left_out.name_damaged_file(file.path)
    elif not count and not tracks.timeless and not tracks.waypoints:
        left_out.name_other_file(file.path)
