"""Where the body of a file goes: opened, decompressed and checked as it arrives, into memory or onto disk."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast, overload

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from privateshare.errors import ConfigurationError, FileIntegrityError, InvalidAnswer
from privateshare.protocol.catalogue import object_type_of
from privateshare.protocol.envelope import EnvelopeReader, decode_metadata
from privateshare.protocol.messages import FileHeader, FileMetadata
from privateshare.protocol.object_time import FHIR
from privateshare.sdk.decompression import decompressor
from privateshare.sdk.flows.calls import read_as
from privateshare.sdk.safe_files import aside_path

if TYPE_CHECKING:
    from privateshare.objects import DataObject

Kind = TypeVar("Kind", bound="DataObject")

OnProgress = Callable[[int, int | None], object]
"""Is told how many bytes have arrived, and of how many if that is known: of the file as it is encrypted."""

MAX_UNDECLARED_BYTES = 1 << 34  # of a file whose header does not tell its size
MAX_IN_MEMORY_BYTES = 1 << 29  # of a file that is not written to disk
OVERHEAD_BYTES = 64 * 1024  # of the envelope, and of compression that makes data a little larger


# How far data may grow when it is decompressed: freely up to so many bytes, and beyond that by this ratio. JSON of
# objects grows tenfold to a hundredfold; what grows much more was made to fill a memory or a disk.
FREE_IN_MEMORY_BYTES = 1 << 25
FREE_ON_DISK_BYTES = 1 << 28
MAX_RATIO = 300


@dataclass(frozen=True, slots=True)
class File:
    """A file that was read: its bytes in `data`, or on disk at `path`. `updated_date` in milliseconds, if told."""

    name: str
    metadata: FileMetadata
    size: int
    updated_date: int | None = None
    data: bytes | None = field(default=None, repr=False)
    path: Path | None = None

    def read_bytes(self) -> bytes:
        """The plain content."""
        if self.data is not None:
            return self.data
        assert self.path is not None
        return self.path.read_bytes()

    def json(self) -> Any:
        """The content as JSON: a list of objects for a mapped file. Raises InvalidAnswer if it is none."""
        try:
            return json.loads(self.read_bytes())
        except (ValueError, RecursionError) as error:
            raise InvalidAnswer(f"{self.name} does not hold JSON") from error

    @overload
    def objects(self) -> "list[DataObject]": ...

    @overload
    def objects(self, kind: "type[Kind]") -> "list[Kind]": ...

    def objects(self, kind: "type[DataObject] | None" = None) -> "list[Any]":
        """The content as typed objects, for a mapped file; see `privateshare.objects`.

        With a `kind`, such as `PlayHistory`, only objects of it: none, if the file holds others. Without, those of a
        type that has no model, and FHIR resources, are `OtherObject`s. Raises InvalidAnswer if it is no such file.
        """
        from privateshare.objects import OtherObject, model_of, parsed_objects

        model = OtherObject if self._is_fhir() else model_of(object_type_of(self.metadata.object_type, self.name))
        if kind is not None and not issubclass(model, kind):
            return []
        content = self.json()
        if not isinstance(content, list):
            raise InvalidAnswer(f"{self.name} does not hold a list of objects: it was pushed; read it with json()")
        return parsed_objects(model, content)

    def _is_fhir(self) -> bool:
        return self.metadata.schema_ is not None and self.metadata.schema_.standard == FHIR

    def fhir(self) -> list[Any]:
        """The content as models of `fhir.resources`, R4B, for a file of FHIR resources.

        Raises ConfigurationError without the extra `privateshare[fhir]`, InvalidAnswer if it is no such file.
        """
        try:
            from fhir.resources.R4B import get_fhir_model_class
        except ModuleNotFoundError as error:
            raise ConfigurationError("this needs fhir.resources: pip install 'privateshare[fhir]'") from error
        try:
            return [get_fhir_model_class(thing["resourceType"]).model_validate(thing) for thing in self.json()]
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidAnswer(f"{self.name} does not hold FHIR resources") from error


class FileSink:
    """Makes a `File` of an answer. What goes to disk is written aside and renamed once it is whole and checked."""

    def __init__(
        self,
        name: str,
        key: RSAPrivateKey,
        to: Path | None = None,
        *,
        legacy: bool = False,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._name, self._key, self._to, self._legacy = name, key, to, legacy
        self._on_progress, self._arrived = on_progress, 0
        self._length: int | None = None
        self._aside = aside_path(to) if to else None
        self._out: IO[bytes] | None = None
        self.file: File | None = None

    def begin(self, headers: Mapping[str, str]) -> None:
        """Read the headers. Raises FileIntegrityError or InvalidAnswer if they cannot be read."""
        self.abort()
        raw = decode_metadata(headers["x-metadata"]) if "x-metadata" in headers else {}
        self._header = read_as(FileHeader, raw)
        self._updated = _milliseconds(headers.get("last-modified"))
        self._envelope = EnvelopeReader(self._key, legacy=self._legacy)
        self._decompressor = decompressor(self._header.compression or "none", self._take)
        self._hash = hashlib.sha256()
        self._size = self._arrived = 0
        self._length = _number(headers.get("content-length"))
        self._limit = MAX_UNDECLARED_BYTES if self._header.size is None else self._header.size
        if self._limit < 0:
            raise FileIntegrityError(f"The header of {self._name} says that it has {self._limit} bytes")
        if self._aside is None and self._header.size is not None and self._limit > MAX_IN_MEMORY_BYTES:
            raise self._too_large()
        self._out = self._aside.open("xb") if self._aside else BytesIO()

    def write(self, data: bytes) -> None:
        """Takes the next bytes. Raises FileDecryptionError, FileIntegrityError."""
        self._arrived += len(data)
        if self._arrived > self._limit + self._limit // 64 + OVERHEAD_BYTES:
            raise FileIntegrityError(f"{self._name} is larger than the {self._limit} bytes it should have")
        self._decompressor.write(self._envelope.update(data))
        if self._on_progress is not None:
            self._on_progress(self._arrived, self._length)

    def finish(self) -> None:
        """Checks the whole, and makes `file`. Raises FileDecryptionError, FileIntegrityError."""
        self._decompressor.write(self._envelope.finish())
        self._decompressor.finish()
        if self._header.size is not None and self._size != self._header.size:
            raise FileIntegrityError(f"{self._name} has {self._size} bytes instead of {self._header.size}")
        if self._header.sha256 is not None and self._hash.hexdigest() != self._header.sha256:
            raise FileIntegrityError(f"{self._name} is not what the platform stored: its SHA-256 differs")
        self.file = File(self._name, self._header.metadata, self._size, self._updated, *self._close())

    def abort(self) -> None:
        """Leaves nothing behind."""
        if self._out is not None:
            self._out.close()
            self._out = None
        if self._aside is not None:
            self._aside.unlink(missing_ok=True)

    def _take(self, plain: bytes) -> None:
        self._size += len(plain)
        if self._size > self._limit:
            raise FileIntegrityError(f"{self._name} decompresses to more than the {self._limit} bytes it should have")
        if self._aside is None and self._size > MAX_IN_MEMORY_BYTES:
            raise self._too_large()
        free = FREE_IN_MEMORY_BYTES if self._aside is None else FREE_ON_DISK_BYTES
        if self._size > max(free, MAX_RATIO * self._arrived):
            raise FileIntegrityError(
                f"{self._name} grows more than {MAX_RATIO}-fold when it is decompressed, as if to do harm",
                hint="If you trust it, read it in a session with Accept(compression=Compression.NONE)",
            )
        self._hash.update(plain)
        assert self._out is not None
        self._out.write(plain)

    def _too_large(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self._name} has more than {MAX_IN_MEMORY_BYTES >> 20} MB, which is too much to keep in memory",
            hint="Read it to disk: give to= or into=",
        )

    def _close(self) -> tuple[bytes | None, Path | None]:
        out, self._out = self._out, None
        assert out is not None
        if self._aside is None or self._to is None:
            return cast(BytesIO, out).getvalue(), None
        out.flush()
        os.fsync(out.fileno())
        out.close()
        self._aside.replace(self._to)
        return None, self._to


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= 18 else None


def _milliseconds(date: str | None) -> int | None:
    try:
        return int(parsedate_to_datetime(date).timestamp() * 1000) if date else None
    except (ValueError, TypeError, OverflowError, OSError):  # a date that is none, or that no clock has
        return None
