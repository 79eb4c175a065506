"""Exports that are stored until the person has decided."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from privateshare.platform.library.read_exports import ReadObjects, opened_export, stored_pages
from privateshare.platform.reader_results import ReadExport
from privateshare.sources.contract import Broken, Identity, ObjectSchema
from privateshare.sources.entries import Entry, entry_of
from privateshare.sources.failures import LeftOut
from privateshare.sources.frames import EntryPage, encode_page
from privateshare.sources.object_counts import ObjectCounts

SCHEMA = ObjectSchema("digime", "1.0.0")


async def test_only_ids_take_the_name_of_another_owner(tmp_path: Path) -> None:
    """What people wrote stays as it is, whatever the id of the owner is: a text may contain it."""
    thing = {
        "entityid": "20_1_7",
        "accountentityid": "20_1",
        "albumentityid": "20_1_9",
        "text": "IMG_20_1205.jpg of 20_1, 20_1_9",
        "other": "20_12",
        "createddate": 1_700_000_000_000,
    }

    async def pages() -> AsyncIterator[bytes | ReadExport]:
        yield encode_page(EntryPage([(1, entry_of(SCHEMA, thing))]), with_contents=False)
        yield ReadExport(Identity("1", "Ann", "USER"), LeftOut(), "1", ObjectCounts())

    objects = ReadObjects(tmp_path, 1_000_000)
    await objects.fill(pages())
    stored = io.BytesIO(b"".join(objects.pieces()))
    objects.close()
    ((_, entry),) = [one for page in stored_pages(opened_export(stored), SCHEMA, 20, "ann") for one in page.entries]
    assert entry.entity_id == "20_ann_7"
    renamed = {"entityid": "20_ann_7", "accountentityid": "20_ann", "albumentityid": "20_ann_9"}
    assert orjson.loads(entry.data) == thing | renamed


@pytest.mark.parametrize(
    "page", [b"", b"no page", encode_page(EntryPage([(1, Entry("a", 1, None, b"{}"))]), with_contents=False)[:-1]]
)
async def test_a_page_that_a_reader_forged_ends_the_import(tmp_path: Path, page: bytes) -> None:
    """The pages are only checked when they are imported. Nothing of such an export is used from there on."""

    async def pages() -> AsyncIterator[bytes | ReadExport]:
        yield page
        yield ReadExport(Identity("1", "Ann", "USER"), LeftOut(), "1", ObjectCounts())

    objects = ReadObjects(tmp_path, 1_000_000)
    await objects.fill(pages())
    stored = io.BytesIO(b"".join(objects.pieces()))
    objects.close()
    with pytest.raises(Broken, match="fault in this service"):
        list(stored_pages(opened_export(stored), SCHEMA, 20, "ann"))
