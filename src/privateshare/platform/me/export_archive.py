"""The archive in which a person takes everything with them: a ZIP that is written as a stream, never to a disk.

index.html                        what is in it, to be read in a browser without a network
pages/<source>/<kind>.html        the entries of one kind, in words
data/<source>/<kind>.json         the same, as an array of JSON objects
data/<source>/<kind>.ndjson       the same, one JSON object on each line
data/<source>/<kind>.parquet      the same as a table, if pyarrow is installed
data/<source>/bundle.json         a FHIR Bundle of everything from that source, if it is FHIR
apps/<name>                       files that apps put into the library, as they are, with <name>.json about each
manifest.json                     the sources and files, for programs and for another PrivateShare
"""

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.blobs.store import BlobStore
from privateshare.platform.consent.rendering import page_template
from privateshare.platform.consent.translation import Translator
from privateshare.platform.db.tables import AccountRow, FileRow, PushedFileRow
from privateshare.platform.library.accounts import account_identity
from privateshare.platform.library.libraries import AccountGone, KeyLost, OpenLibrary
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.pushed_files import open_metadata, open_pushed_content
from privateshare.platform.me.object_texts import second_line, title_of
from privateshare.platform.me.parquet import parquet_table
from privateshare.protocol.object_time import object_time

FORMAT = "privateshare-export-1"
MAX_TABLE_BYTES = 64 * 1024 * 1024  # A larger kind is left out of Parquet, which is built in memory.
COMPRESSION_LEVEL = 6

Entry = tuple[str, Iterable[bytes]]


@dataclass
class Export:
    """Everything of a library, as it is written into the archive.

    Attributes:
        blobs: Where the files are stored.
        library: The person's library.
        accounts: Its accounts.
        files: Its mapped files.
        pushed: The files that apps pushed.
        words: The texts of the person's language.
        now: When the archive is made.
        on_file: Called after each file that was written or left out.
        unreadable: The files that could not be read.
    """

    blobs: BlobStore
    library: OpenLibrary
    accounts: Sequence[AccountRow]
    files: Sequence[FileRow]
    pushed: Sequence[PushedFileRow]
    words: Translator
    now: datetime
    on_file: Callable[[], None]
    unreadable: list[str] = field(default_factory=list)

    def chunks(self) -> Iterator[bytes]:
        """Write the archive, piece by piece. Blocks."""
        sink = _Sink()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION_LEVEL) as archive:
            for name, content in self._entries():
                entry = zipfile.ZipInfo(name, self.now.timetuple()[:6])
                entry.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(entry, "w", force_zip64=True) as file:
                    for chunk in content:
                        file.write(chunk)
                        yield from sink.take()
        yield from sink.take()

    def _entries(self) -> Iterator[Entry]:
        listed: list[dict[str, Any]] = []
        pages: list[dict[str, str]] = []
        for account in self.accounts:
            folder = self._folder(account)
            kinds = self._kinds(account)
            for object_type, files in kinds.items():
                readable = [file for file in files if self._is_readable(file)]
                count = sum(file.object_count for file in readable)
                kind = self.words.object_type(object_type)
                name = f"{object_type}-{_plain(kind)}"
                yield from self._kind_entries(folder, name, kind, readable)
                listed.append(self._listed(account, object_type, f"data/{folder}/{name}.ndjson", count, readable))
                page = f"pages/{folder}/{name}.html"
                number = self.words.number(count)
                source = self.words.source(account.source_id)
                pages.append({"source": source, "kind": kind, "count": number, "page": page})
            if any(file.schema_standard == "fhir" for files in kinds.values() for file in files):
                yield f"data/{folder}/bundle.json", self._bundle([f for files in kinds.values() for f in files])
        yield from self._pushed_entries()
        yield "index.html", [self._index(pages)]
        yield "manifest.json", [orjson.dumps(self._manifest(listed), option=orjson.OPT_INDENT_2)]

    def _kind_entries(self, folder: str, name: str, kind: str, files: Sequence[FileRow]) -> Iterator[Entry]:
        yield f"data/{folder}/{name}.ndjson", (text + b"\n" for file in files for text in self._texts(file))
        yield f"data/{folder}/{name}.json", _array(text for file in files for text in self._texts(file))
        yield f"pages/{folder}/{name}.html", self._page(kind, files)
        if sum(file.size for file in files) <= MAX_TABLE_BYTES:
            objects = [orjson.loads(text) for file in files for text in self._texts(file)]
            if (table := parquet_table(objects)) is not None:
                yield f"data/{folder}/{name}.parquet", [table]
        for _ in files:
            self.on_file()

    def _kinds(self, account: AccountRow) -> dict[int, list[FileRow]]:
        kinds: dict[int, list[FileRow]] = {}
        for file in self.files:
            if file.account_id == account.id and file.object_count:
                kinds.setdefault(file.object_type, []).append(file)
        return kinds

    def _is_readable(self, file: FileRow) -> bool:
        """Tell whether a file can be read; if not, count it, so that the archive says what is missing."""
        try:
            MappedFiles(self.blobs, self.library).texts(file)
        except (UnreadableBlob, KeyLost, AccountGone):
            self.unreadable.append(file.name)
            self.on_file()
            return False
        return True

    def _texts(self, file: FileRow) -> list[bytes]:
        return MappedFiles(self.blobs, self.library).texts(file)

    def _folder(self, account: AccountRow) -> str:
        return f"{account.number}-{_plain(self.words.source(account.source_id))}"

    def _bundle(self, files: Sequence[FileRow]) -> Iterator[bytes]:
        yield b'{"resourceType":"Bundle","type":"collection","entry":['
        separator = b""
        for file in files:
            if file.name in self.unreadable or file.schema_standard != "fhir":
                continue
            for text in self._texts(file):
                yield separator + b'{"resource":' + text + b"}"
                separator = b",\n"
        yield b"]}"

    def _page(self, kind: str, files: Sequence[FileRow]) -> Iterator[bytes]:
        template = page_template("export-kind.html", self.words)
        lines = (self._line(file.schema_standard, text) for file in reversed(files) for text in self._texts(file)[::-1])
        for piece in template.generate(words=self.words, kind=kind, lines=lines):
            yield piece.encode()

    def _line(self, standard: str, text: bytes) -> dict[str, str]:
        thing = orjson.loads(text)
        if not isinstance(thing, dict):
            return {"title": "", "detail": "", "when": ""}
        moment = object_time(standard, thing)
        when = self.words.moment(datetime.fromtimestamp(moment / 1000, UTC)) if moment is not None else ""
        return {"title": title_of(thing), "detail": second_line(thing, self.words), "when": when}

    def _pushed_entries(self) -> Iterator[Entry]:
        for file in self.pushed:
            described = open_metadata(self.library, file).model_dump(by_alias=True, exclude_none=True)
            yield f"apps/{file.name}.json", [orjson.dumps(described, option=orjson.OPT_INDENT_2)]
            yield f"apps/{file.name}", self._pushed_content(file)
            self.on_file()

    def _pushed_content(self, file: PushedFileRow) -> Iterator[bytes]:
        try:
            yield from open_pushed_content(self.blobs, self.library, file)
        except UnreadableBlob:
            self.unreadable.append(str(file.name))

    def _index(self, pages: Sequence[dict[str, str]]) -> bytes:
        values = {
            "words": self.words,
            "pages": pages,
            "made": self.words.moment(self.now),
            "pushed": len(self.pushed),
            "unreadable": self.unreadable,
        }
        return page_template("export-index.html", self.words).render(values).encode()

    def _manifest(self, listed: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "made": self.now.isoformat(timespec="seconds"),
            "accounts": [self._account(account) for account in self.accounts],
            "kinds": listed,
            "unreadable": self.unreadable,
        }

    def _account(self, account: AccountRow) -> dict[str, Any]:
        told: dict[str, Any] = {"number": account.number, "source": account.source_id, "sample": account.sample}
        try:
            identity = account_identity(account, self.library)
        except KeyLost:
            return told
        owner = {"id": identity.provider_account_id, "name": identity.display_name, "named": identity.named}
        return told | {"owner": owner, "type": identity.type}

    def _listed(
        self, account: AccountRow, object_type: int, path: str, count: int, files: Sequence[FileRow]
    ) -> dict[str, Any]:
        schema = {"standard": files[0].schema_standard, "version": files[0].schema_version} if files else None
        return {"account": account.number, "kind": object_type, "path": path, "objects": count, "schema": schema}


class _Sink(io.RawIOBase):
    """A file that only takes what is written, until somebody takes it away. It cannot be rewound."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any) -> int:
        """Keep a piece."""
        self._pieces.append(bytes(data))
        return len(data)

    def take(self) -> list[bytes]:
        """Return the pieces that were written since the last time."""
        taken, self._pieces = self._pieces, []
        return taken


def _array(texts: Iterable[bytes]) -> Iterator[bytes]:
    separator = b"["
    for text in texts:
        yield separator + text
        separator = b",\n"
    yield b"]" if separator != b"[" else b"[]"


def _plain(name: str) -> str:
    """Turn a name into a part of a file name that every operating system takes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "other"


def export_blob(library: OpenLibrary, export_id: UUID) -> str:
    """Return the key of the blob that an archive is stored in."""
    return library.blob(f"export/{export_id}")
