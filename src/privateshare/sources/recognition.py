"""Recognition of uploads: whose export a file is, by the names and the first bytes of what is in it.

Nothing is parsed, and a large archive is recognised within seconds. What is recognised may still turn out to be damaged
or empty when the source reads it.
"""

import codecs
import gzip
import re
import tarfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import PurePosixPath
from typing import IO, BinaryIO, cast

from privateshare.sources.archive import (
    DAMAGE_ERRORS,
    ENCRYPTED_FLAG,
    GZIP_MAGIC,
    MAX_ENTRIES,
    ZIP_MAGICS,
    Opener,
    holds_only_archives,
    is_added_by_system,
    tar_opener,
)
from privateshare.sources.charsets import without_accents
from privateshare.sources.contract import FileMark
from privateshare.sources.failures import Broken, shown_name
from privateshare.sources.tar_files import TarTooLarge, tar_entries
from privateshare.sources.text_files import encoding_of

START_BYTES = 16 * 1024
MAX_STYLE_BYTES = 512 * 1024  # Pages of Google begin with 140 KB of it.
_STYLE = re.compile(rb"(?is)<style\b.*?(?:</style\s*>|\Z)")
# A mark can look at the content of so many files of each folder and ending. Exports have thousands that are alike.
LOOKED_AT_ALIKE = 20
MAX_LOOKED_AT = 2000
MAX_SHOWN = 5
MAX_TAR_BYTES = 2 * 1024 * 1024 * 1024
MEDIA_ENDINGS = frozenset(
    (
        *(".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".gif", ".bmp", ".tif", ".tiff", ".ico", ".mp4", ".mov"),
        *(".m4v", ".webm", ".avi", ".mkv", ".3gp", ".mp3", ".m4a", ".aac", ".wav", ".ogg", ".opus", ".amr", ".pdf"),
        *(".woff", ".woff2", ".ttf", ".exe", ".dmg"),
    )
)
# How XML and JSON begin in other encodings than UTF-8, and any text that has a mark. UTF-32 begins like UTF-16.
_WIDE_ENCODINGS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    **{sign.encode(name): name for name in ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be") for sign in "<{["},
}


@dataclass(frozen=True, slots=True)
class SeenFiles:
    """What an upload consists of, for a person whose file was not recognised.

    Attributes:
        number: The number of files in it.
        endings: The most frequent endings, and the number of files that have each.
        names: Some of the names.
    """

    number: int = 0
    endings: Mapping[str, int] = field(default_factory=dict)
    names: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Recognition:
    """What an upload was recognised as.

    Attributes:
        files: How many of its files are recognised, by the id of the source.
        seen: What it consists of.
        is_take_out: Whether it is what a person took along from another PrivateShare; no source is recognised then.
    """

    files: Mapping[int, int]
    seen: SeenFiles
    is_take_out: bool = False


@dataclass(frozen=True, slots=True)
class _Pattern:
    """A mark with compiled patterns."""

    path: re.Pattern[str] | None
    start: re.Pattern[str] | None
    is_weak: bool
    ignores_accents: bool

    def matches(self, path: str, start: str | None) -> bool:
        """Return whether a file has this mark. Without `start`, only its path is known."""
        if self.path is not None and not self.path.search(path):
            return False
        if self.start is None or start is None:
            return self.start is None
        return self.start.search(_plain_readings(start) if self.ignores_accents else start) is not None


def recognise(archive: BinaryIO, marks: Mapping[int, Sequence[FileMark]]) -> Recognition:
    """Recognise whose export an upload is.

    Args:
        archive: The upload. It is read from its start.
        marks: The marks of each source, by its id.

    Raises:
        Broken: The upload is empty, damaged, or protected with a password.
    """
    patterns = {id_: [_compiled(mark) for mark in own] for id_, own in marks.items()}
    found: Counter[int] = Counter()
    weak: Counter[int] = Counter()
    endings: Counter[str] = Counter()
    names: list[str] = []
    number = 0
    for path, start in _starts(archive):
        number += 1
        endings[PurePosixPath(path).suffix.lower()] += 1
        if path and len(names) < MAX_SHOWN:
            names.append(shown_name(path))
        strong = {id_ for id_, own in patterns.items() if _has(own, path, start, is_weak=False)}
        found.update(strong)
        if not strong:
            weak.update(id_ for id_, own in patterns.items() if _has(own, path, start, is_weak=True))
    return Recognition(dict(found or weak), SeenFiles(number, dict(endings.most_common(MAX_SHOWN)), names))


def _compiled(mark: FileMark) -> _Pattern:
    return _Pattern(
        re.compile(mark.path, re.IGNORECASE) if mark.path else None,
        re.compile(mark.start) if mark.start else None,
        mark.is_weak,
        mark.ignores_accents,
    )


def _has(patterns: Sequence[_Pattern], path: str, start: str | None, *, is_weak: bool) -> bool:
    return any(pattern.matches(path, start) for pattern in patterns if pattern.is_weak is is_weak)


def _starts(archive: BinaryIO) -> Iterator[tuple[str, str | None]]:
    """Yield the path of each file, and the beginning of its text; None for a file that is not looked at."""
    archive.seek(0)
    start = archive.read(START_BYTES)
    if not start:
        raise Broken("The file is empty. Download the export again and upload that.")
    if (opener := tar_opener(partial(_from_start, archive), start)) is not None:
        yield from _starts_in_tar(opener)
        return
    if not start.startswith(ZIP_MAGICS):
        start = _with_content(archive, start)
        archive.seek(0)
        yield "", _text(_unpacked(archive, start))
        return
    try:
        with zipfile.ZipFile(archive) as opened:
            yield from _starts_in_zip(opened)
    except DAMAGE_ERRORS as error:
        raise Broken("The zip archive is damaged or was not downloaded to its end. Download it again.") from error


def _from_start(archive: BinaryIO) -> AbstractContextManager[IO[bytes]]:
    archive.seek(0)
    return nullcontext(archive)


def _starts_in_tar(opener: Opener) -> Iterator[tuple[str, str | None]]:
    """Yield the entries of a tar archive up to a limit of bytes, since it can only be read in its order."""
    try:
        with opener() as stream:
            for entry in tar_entries(stream, MAX_TAR_BYTES):
                if is_added_by_system(entry.path):
                    continue
                if PurePosixPath(entry.path).suffix.lower() in MEDIA_ENDINGS:
                    yield entry.path, None
                    continue
                with entry.open() as file:
                    yield entry.path, _text(_start_of(file))
    except (TarTooLarge, tarfile.TarError, *DAMAGE_ERRORS):
        return  # What was recognised before is enough. The source says what is wrong with the rest.


def _starts_in_zip(archive: zipfile.ZipFile, *, is_outer: bool = True) -> Iterator[tuple[str, str | None]]:
    looked_at: Counter[tuple[str, str]] = Counter()
    entries = archive.infolist()
    if not entries:
        raise Broken("The zip archive is empty. Request the export again.")
    if is_outer and holds_only_archives(archive):
        yield from _starts_in_archives(archive)
        return
    if not is_outer:
        entries.sort(key=lambda entry: entry.header_offset)  # It can only be decompressed from its start.
    for entry in entries[:MAX_ENTRIES]:
        path = entry.filename.replace("\\", "/")
        if path.endswith("/") or is_added_by_system(path):
            continue
        if entry.flag_bits & ENCRYPTED_FLAG:
            raise Broken(
                "%(name)s is protected with a password. "
                "Unpack the archive, make a zip without a password, and upload that.",
                name=shown_name(path),
            )
        ending, folder = PurePosixPath(path).suffix.lower(), path.rpartition("/")[0]
        alike = (folder, ending)
        if ending in MEDIA_ENDINGS or looked_at[alike] >= LOOKED_AT_ALIKE or looked_at.total() >= MAX_LOOKED_AT:
            yield path, None
            continue
        looked_at[alike] += 1
        yield path, _start_of_entry(archive, entry)


def _starts_in_archives(outer: zipfile.ZipFile) -> Iterator[tuple[str, str | None]]:
    """Yield the files of archives that were zipped again. One that is damaged is passed over: the source reports it."""
    for entry in outer.infolist():
        if entry.filename.endswith("/") or is_added_by_system(entry.filename):
            continue
        with suppress(*DAMAGE_ERRORS), outer.open(entry) as stream, zipfile.ZipFile(stream) as inner:
            yield from _starts_in_zip(inner, is_outer=False)


def _start_of_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str | None:
    try:
        with archive.open(entry) as stream:
            start = _start_of(stream)
        if start.startswith(GZIP_MAGIC):
            with archive.open(entry) as stream:
                start = _unpacked(stream, start)
    except (*DAMAGE_ERRORS, RuntimeError):  # The source says what is wrong with it, if it is one that it needs.
        return None
    return _text(start)


def _start_of(stream: IO[bytes]) -> bytes:
    return _with_content(stream, stream.read(START_BYTES))


def _with_content(stream: IO[bytes], start: bytes) -> bytes:
    """Return the beginning of a file; of a page without its style sheet, which may be longer than what is looked at.

    Args:
        stream: The file, after its beginning.
        start: Its beginning.
    """
    if _STYLE.search(start) is None:
        return start
    return _STYLE.sub(b"", start + stream.read(MAX_STYLE_BYTES))[:START_BYTES]


def _unpacked(stream: IO[bytes], start: bytes) -> bytes:
    if not start.startswith(GZIP_MAGIC):
        return start
    try:
        with gzip.GzipFile(fileobj=stream) as unpacked:
            return _start_of(cast(IO[bytes], unpacked))
    except DAMAGE_ERRORS as error:
        raise Broken("The file is damaged or was not downloaded to its end. Download it again.") from error


@lru_cache(maxsize=1)
def _plain_readings(text: str) -> str:
    """Return a text without accents; one in an older encoding is also read as if it were of the middle of Europe."""
    if text.isascii():
        return text.lower()
    with suppress(UnicodeError):
        text = f"{text}\n{text.encode('cp1252').decode('cp1250')}"
    return without_accents(text)


def _text(start: bytes) -> str:
    wide = next((name for mark, name in _WIDE_ENCODINGS.items() if start.startswith(mark)), None)
    text = start.decode(wide or encoding_of(start), "replace").lstrip()
    return text if "\n" in text else text.replace("\r", "\n")  # Lines may end as on old Macs.


def choices(files: Mapping[int, int], alike: Mapping[int, str]) -> Sequence[Sequence[int]]:
    """Group the recognised sources: one of each group is to be chosen.

    Args:
        files: How many files are recognised, by source.
        alike: For sources that read the same files, a text that they have in common.

    Returns:
        The groups. Sources that read different things of the same upload are in groups of their own.
    """
    groups: defaultdict[object, list[int]] = defaultdict(list)
    for id_ in sorted(files):
        groups[alike.get(id_) or id_].append(id_)
    return [[id_ for id_ in group if files[id_] == max(files[one] for one in group)] for group in groups.values()]
