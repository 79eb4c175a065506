"""A reader for the records in all JSON files of an upload. Unreadable records and files are counted and reported."""

from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE, getincrementaldecoder
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import IO, BinaryIO

from privateshare.sources.archive import UploadedFile, uploaded_files
from privateshare.sources.failures import Broken, LeftOut, shown_name
from privateshare.sources.json_patterns import BOM
from privateshare.sources.json_records import FoundRecord, NotJson, PlainRecords, RecordReader, RoleOf
from privateshare.sources.json_scanner import ByteStream, OtherData, TruncatedJson

START_BYTES = 4096
JSON_NAMES = (".json", ".ndjson", ".jsonl", ".json.gz", ".ndjson.gz", ".jsonl.gz")
# The first bytes of JSON in each encoding except UTF-8, with and without a byte order mark. Encodings with four bytes
# come first, because the others are prefixes of them.
ENCODINGS = (
    (BOM_UTF32_LE, "utf-32"),
    (BOM_UTF32_BE, "utf-32"),
    (BOM_UTF16_LE, "utf-16"),
    (BOM_UTF16_BE, "utf-16"),
    (b"{\0\0\0", "utf-32-le"),
    (b"[\0\0\0", "utf-32-le"),
    (b"\0\0\0{", "utf-32-be"),
    (b"\0\0\0[", "utf-32-be"),
    (b"{\0", "utf-16-le"),
    (b"[\0", "utf-16-le"),
    (b"\0{", "utf-16-be"),
    (b"\0[", "utf-16-be"),
)

WHITE_SPACE = (b" ", b"\t", b"\r", b"\n")


def read_records(
    archive: BinaryIO,
    role_of: RoleOf,
    left_out: LeftOut,
    skip: Callable[[str], bool] | None = None,
    plain_records: PlainRecords | None = None,
) -> Iterator[FoundRecord]:
    """Yield all records of an upload.

    Args:
        archive: The upload. It is read from its start.
        role_of: Decides which objects are records.
        left_out: The report to which unreadable records and files are added. The caller counts the records it reads.
        skip: Returns whether a file of an archive is not read, but only counted, by its path.
        plain_records: Decodes records of which the original JSON is not needed, many at once, which is much faster.

    Raises:
        Broken: The upload is empty, damaged, not JSON, or decompresses to more than any export contains.
    """
    upload = UploadReader(role_of, left_out, plain_records)
    for file in uploaded_files(archive, left_out, skip):
        yield from upload.records_of(file)
    upload.estimate()


def records_of_files(files: Iterable[UploadedFile], role_of: RoleOf, left_out: LeftOut) -> Iterator[FoundRecord]:
    """Yield all records of some files of an upload, like `read_records`."""
    upload = UploadReader(role_of, left_out)
    for file in files:
        yield from upload.records_of(file)
    upload.estimate()


@dataclass(slots=True)
class UploadReader:
    """A reader for the files of one upload, which knows how much of it was read, and how much could not be.

    Call `records_of` for each file, and `estimate` at the end.
    """

    role_of: RoleOf
    left_out: LeftOut
    plain_records: PlainRecords | None = None
    read_bytes: int = 0
    unread_bytes: int = 0
    cut_files: int = 0

    def records_of(self, file: UploadedFile) -> Iterator[FoundRecord]:
        """Yield the records of one file."""
        with file.open() as stream:
            start = stream.read(START_BYTES)
        with file.open() as stream:
            reader = RecordReader(_in_utf8(stream, start), self.role_of, self.left_out, file.path, self.plain_records)
            try:
                yield from reader.records()
            except NotJson:
                self._note_other(file, start)
            except OtherData:
                if reader.seen:
                    self._note_cut(file, reader)
                else:
                    self._note_unused(file)
            except (TruncatedJson, UnicodeError):
                self._note_cut(file, reader)
            else:
                if not reader.seen and start.strip():
                    self._note_unused(file)
            if reader.seen:  # Otherwise the file is named as a whole.
                self.left_out.pass_over_in(file.path, reader.others)
            self.read_bytes += min(file.size, reader.position)

    def _note_unused(self, file: UploadedFile) -> None:
        if file.path:
            self.left_out.name_other_file(file.path)

    def _note_cut(self, file: UploadedFile, reader: RecordReader) -> None:
        name = shown_name(file.path)
        problem = Broken("%(name)s is not JSON, or was cut off. Download the export again.", name=name)
        if reader.seen:
            problem = Broken(
                "%(name)s can be read only in part: it is damaged, or was cut off. Download the export again.",
                name=name,
            )
        self.left_out.name_damaged(name, problem)
        self.cut_files += 1
        self.unread_bytes += max(0, file.size - reader.position)

    def _note_other(self, file: UploadedFile, start: bytes) -> None:
        problem = _other_than_json(file, start)
        if not file.path:
            raise problem
        if file.path.lower().endswith(JSON_NAMES):
            self.left_out.name_damaged(shown_name(file.path), problem)
        else:
            self.left_out.name_unused(shown_name(file.path), problem)

    def estimate(self) -> None:
        """Estimate the number of records in the unreadable parts, assuming that they are like the rest."""
        unread = self.unread_bytes + self.left_out.unopened_bytes
        if self.read_bytes:
            self.left_out.estimate = max(self.cut_files, ceil(self.left_out.total * unread / self.read_bytes))


def _other_than_json(file: UploadedFile, start: bytes) -> Broken:
    """Build the error for a file that is not JSON, which says what it probably is."""
    text = start.removeprefix(BOM).lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return Broken(
            "%(name)s is a web page and no export. Sign in where you downloaded it, and download it again.",
            name=shown_name(file.path),
        )
    if text.startswith(b"<"):
        return Broken(
            "%(name)s is XML. Export the data as JSON and upload that.",
            name=shown_name(file.path),
        )
    if file.path:
        return Broken("%(name)s is not JSON. Download the export again.", name=shown_name(file.path))
    return Broken(
        "The file is not a zip archive, and not JSON. Upload the export as you received it, without changing it."
    )


def _in_utf8(stream: IO[bytes], start: bytes) -> ByteStream:
    """Return the content of a file in UTF-8, converted if it has another encoding."""
    for beginning, encoding in ENCODINGS:
        if start.startswith(beginning):
            return _TranscodedStream(stream, encoding)
    if start[:1] in WHITE_SPACE and start[1:2] == b"\0":
        return _TranscodedStream(stream, "utf-16-le")
    if start[:1] == b"\0" and start[1:2] in WHITE_SPACE:
        return _TranscodedStream(stream, "utf-16-be")
    return stream


class _TranscodedStream:
    """A text in another encoding, read as UTF-8. Lone surrogates are kept; `json_values` replaces them."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream, self._decoder = stream, getincrementaldecoder(encoding)("surrogatepass")

    def read(self, size: int = -1, /) -> bytes:
        """Read the next bytes. Raises UnicodeError if the text does not have this encoding."""
        while True:
            piece = self._stream.read(size)
            text = self._decoder.decode(piece, final=not piece)
            if text or not piece:
                return text.encode("utf-8", "surrogatepass")
