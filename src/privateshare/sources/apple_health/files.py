"""The files of an export, recognized by their content, because their names are in the language of the phone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from privateshare.sources.apple_health.electrocardiograms import is_electrocardiogram
from privateshare.sources.apple_health.export_xml import Utf8Stream, is_clinical_document, is_health_data, read_head
from privateshare.sources.apple_health.routes import route_key
from privateshare.sources.archive import UploadedFile, opened_upload
from privateshare.sources.failures import Broken, LeftOut, shown_name

START_BYTES = 4096


@dataclass(slots=True)
class ExportFiles:
    """The files of an export by their kind."""

    main: list[UploadedFile] = field(default_factory=list)
    routes: dict[str, UploadedFile] = field(default_factory=dict)
    electrocardiograms: list[UploadedFile] = field(default_factory=list)
    clinical: list[UploadedFile] = field(default_factory=list)


@contextmanager
def opened_export(archive: BinaryIO, left_out: LeftOut) -> Iterator[ExportFiles]:
    """Open an export: the zip, or its main file alone.

    Args:
        archive: The upload.
        left_out: Where it is noted what cannot be opened, and what is no part of an export or repeats another part.

    Raises:
        Broken: It is empty or damaged, or holds no main file.
    """
    found = ExportFiles()
    with opened_upload(archive, left_out) as files:
        for file in files:
            _sort(file, found, left_out)
        if not found.main:
            if left_out.damaged:
                raise next(iter(left_out.damaged.values()))
            raise Broken(
                "The file is not an export of the Health app. "
                "Choose “Export All Health Data” in the app and upload the zip file as it is."
            )
        yield found


def _sort(file: UploadedFile, found: ExportFiles, left_out: LeftOut) -> None:
    with file.open() as stream:
        text = Utf8Stream(stream).read(START_BYTES)[:START_BYTES]
    if text.startswith(b"<"):
        _sort_xml(file, text, found, left_out)
    elif text.startswith((b"{", b"[")):
        found.clinical.append(file)
    elif is_electrocardiogram(text.decode("utf-8", "replace")):
        found.electrocardiograms.append(file)
    else:
        left_out.name_other_file(file.path)


def _sort_xml(file: UploadedFile, start: bytes, found: ExportFiles, left_out: LeftOut) -> None:
    if b"<gpx" in start:
        found.routes[route_key(file.path)] = file
        return
    with file.open() as stream:
        head = read_head(Utf8Stream(stream))
    if is_health_data(head):
        found.main.append(file)
    elif is_clinical_document(head):
        name = shown_name(file.path)
        left_out.name_unused(name, Broken("%(name)s repeats a part of the export. It was not needed.", name=name))
    else:
        left_out.name_other_file(file.path)
