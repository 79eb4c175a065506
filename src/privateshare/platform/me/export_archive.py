"""The archive in which a person takes everything with them: a ZIP that is written as a stream, never to a disk.

index.html                        what is in it, to be read in a browser without a network
pages/<source>/<kind>.html        the entries of one kind, in words
data/<source>/<kind>.json         the same, as an array of JSON objects
data/<source>/<kind>.ndjson       the same, one JSON object on each line
data/<source>/<kind>.parquet      the same as a table, if pyarrow is installed
data/<source>/<kind>.origins.ndjson  from which server and folder each is, if that is known
data/<source>/bundle.json         a FHIR Bundle of everything from that source, if it is FHIR
apps/<name>                       files that apps put into the library, as they are, with <name>.json about each
manifest.json                     the sources and files, for programs and for another PrivateShare

Each stored file is read once. The other forms are written from a compressed copy in an encrypted temporary file, so the
size of an archive is limited by the disk, and not by memory.
"""

import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.blobs.store import BlobStore
from privateshare.platform.consent.rendering import page_template
from privateshare.platform.consent.translation import Translator
from privateshare.platform.db.tables import AccountRow, FileRow, PushedFileRow
from privateshare.platform.library.account_identities import account_identity
from privateshare.platform.library.libraries import AccountGone, KeyLost, OpenLibrary
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.object_lines import title_of
from privateshare.platform.library.pushed_files import open_metadata, open_pushed_content
from privateshare.platform.me import parquet
from privateshare.platform.me.encrypted_lines import EncryptedLines
from privateshare.platform.me.object_texts import second_line
from privateshare.protocol.object_time import moment_of, object_time
from privateshare.sources.identity import UNKNOWN_ORIGIN, Origin

FORMAT = "privateshare-export-1"
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
        folder: Where temporary files are made.
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
    folder: Path
    words: Translator
    now: datetime
    on_file: Callable[[], None]
    unreadable: list[str] = field(default_factory=list)

    def chunks(self) -> Iterator[bytes]:
        """Write the archive, piece by piece. Blocks."""
        sink = parquet.PieceSink()
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
            with ExitStack() as stack:
                kinds = [self._kind(stack, object_type, files) for object_type, files in self._files(account).items()]
                for kind in kinds:
                    yield from self._kind_entries(folder, kind)
                    listed.append(_listed(account, folder, kind))
                    pages.append(self._page_of(account, folder, kind))
                if fhir := [kind for kind in kinds if kind.files[0].schema_standard == "fhir"]:
                    yield f"data/{folder}/bundle.json", _bundle(line for kind in fhir for line in kind.objects.lines())
        yield from self._pushed_entries()
        yield "index.html", [self._index(pages)]
        yield "manifest.json", [orjson.dumps(self._manifest(listed), option=orjson.OPT_INDENT_2)]

    def _files(self, account: AccountRow) -> dict[int, list[FileRow]]:
        kinds: dict[int, list[FileRow]] = {}
        for file in self.files:
            if file.account_id == account.id and file.object_count:
                kinds.setdefault(file.object_type, []).append(file)
        return kinds

    def _kind(self, stack: ExitStack, object_type: int, files: Sequence[FileRow]) -> "_Kind":
        words = self.words.object_type(object_type)
        objects, lines, origins = (stack.enter_context(EncryptedLines(self.folder)) for _ in range(3))
        return _Kind(object_type, words, f"{object_type}-{_plain(words)}", files, objects, lines, origins)

    def _kind_entries(self, folder: str, kind: "_Kind") -> Iterator[Entry]:
        path = f"data/{folder}/{kind.name}"
        yield f"{path}.ndjson", self._read_kind(kind)
        yield f"{path}.json", _array(kind.objects.lines())
        yield f"pages/{folder}/{kind.name}.html", self._page(kind)
        if kind.has_origins:
            yield f"{path}.origins.ndjson", (line + b"\n" for line in kind.origins.lines())
        if kind.columns.types and parquet.is_available():
            yield f"{path}.parquet", parquet.parquet_pieces(kind.columns, kind.objects.lines())

    def _read_kind(self, kind: "_Kind") -> Iterator[bytes]:
        """Yield the objects of a kind, the newest first, and keep what the other forms need of them."""
        for file in reversed(kind.files):
            yield from self._read_file(kind, file)
            self.on_file()
        kind.finish()

    def _read_file(self, kind: "_Kind", file: FileRow) -> Iterator[bytes]:
        mapped = MappedFiles(self.blobs, self.library)
        try:
            texts, origins = mapped.texts(file), mapped.origins(file)
        except (UnreadableBlob, KeyLost, AccountGone, SealBroken):
            self.unreadable.append(file.name)
            return
        for text, origin in zip(reversed(texts), reversed(origins or [UNKNOWN_ORIGIN] * len(texts)), strict=True):
            thing = orjson.loads(text)
            kind.add(text, thing, origin, self._line(file.schema_standard, thing))
            yield text + b"\n"

    def _folder(self, account: AccountRow) -> str:
        return f"{account.number}-{_plain(self.words.source(account.source_id))}"

    def _page(self, kind: "_Kind") -> Iterator[bytes]:
        template = page_template("export-kind.html", self.words)
        lines = (orjson.loads(line) for line in kind.lines.lines())
        for piece in template.generate(words=self.words, kind=kind.words, lines=lines):
            yield piece.encode()

    def _page_of(self, account: AccountRow, folder: str, kind: "_Kind") -> dict[str, str]:
        return {
            "source": self.words.source(account.source_id),
            "kind": kind.words,
            "count": self.words.number(kind.count),
            "page": f"pages/{folder}/{kind.name}.html",
        }

    def _line(self, standard: str, thing: object) -> dict[str, str]:
        if not isinstance(thing, dict):
            return {"title": "", "detail": "", "when": ""}
        moment = moment_of(object_time(standard, thing))
        when = self.words.moment(moment) if moment is not None else ""
        return {"title": title_of(thing), "detail": second_line(thing, self.words), "when": when}

    def _pushed_entries(self) -> Iterator[Entry]:
        for file in self.pushed:
            try:
                described = open_metadata(self.library, file).model_dump(by_alias=True, exclude_none=True)
                yield f"apps/{file.name}.json", [orjson.dumps(described, option=orjson.OPT_INDENT_2)]
            except SealBroken:
                self.unreadable.append(f"{file.name}.json")
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
            "tables": parquet.is_available(),
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
        except (KeyLost, SealBroken):
            return told
        owner = {
            "id": identity.provider_account_id,
            "name": identity.display_name,
            "named": identity.named,
            "id_in_objects": identity.id_in_objects,
        }
        return told | {"owner": owner, "type": identity.type}


@dataclass(slots=True)
class _Kind:
    """The objects of one kind from one account, while they are written.

    Attributes:
        object_type: The kind.
        words: What it is called.
        name: The name of its files in the archive.
        files: The files with its objects, the oldest first.
        objects: Its objects, as they are stored.
        lines: What its page says about each object.
        origins: Where each object is from.
        columns: The columns of its table.
        count: The number of its objects.
    """

    object_type: int
    words: str
    name: str
    files: Sequence[FileRow]
    objects: EncryptedLines
    lines: EncryptedLines
    origins: EncryptedLines
    columns: parquet.ParquetColumns = field(default_factory=parquet.ParquetColumns)
    count: int = 0
    has_origins: bool = False

    def add(self, text: bytes, thing: object, origin: Origin, line: dict[str, str]) -> None:
        """Add an object."""
        self.count += 1
        self.objects.write(text)
        self.lines.write(orjson.dumps(line))
        self.origins.write(orjson.dumps([origin.server, origin.folder]))
        self.has_origins = self.has_origins or origin != UNKNOWN_ORIGIN
        if isinstance(thing, dict):
            self.columns.see(thing)

    def finish(self) -> None:
        """Close what is kept of the objects, so that it can be read."""
        for written in (self.objects, self.lines, self.origins):
            written.finish()


def _listed(account: AccountRow, folder: str, kind: _Kind) -> dict[str, Any]:
    """Describe a kind in the manifest."""
    path = f"data/{folder}/{kind.name}"
    schema = {"standard": kind.files[0].schema_standard, "version": kind.files[0].schema_version}
    told = {"account": account.number, "kind": kind.object_type, "path": f"{path}.ndjson", "objects": kind.count}
    return told | {"schema": schema, "origins": f"{path}.origins.ndjson" if kind.has_origins else None}


def _bundle(texts: Iterable[bytes]) -> Iterator[bytes]:
    yield b'{"resourceType":"Bundle","type":"collection","entry":['
    separator = b""
    for text in texts:
        yield separator + b'{"resource":' + text + b"}"
        separator = b",\n"
    yield b"]}"


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
