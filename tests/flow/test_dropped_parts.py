"""Tests of files in parts: what may be stored, what is put together again, and who can."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from privateshare.errors import InvalidRequest, NotFound, RequestTooLarge
from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.blobs.temporary import SealedTemporary
from privateshare.platform.keys.wrapping import new_data_key
from privateshare.platform.library import dropped_files
from privateshare.platform.library.dropped_files import (
    LIFETIME,
    MAX_FILES,
    PART_BYTES,
    PREFIX,
    DroppedFiles,
    delete_old_parts,
)
from privateshare.platform.runtime import Platform

FILE = "0123456789abcdef" * 2


@pytest.fixture
def dropped(platform: Platform) -> DroppedFiles:
    return DroppedFiles(platform, uuid4(), new_data_key())


def stored(dropped: DroppedFiles) -> list[str]:
    return sorted(dropped.platform.blobs.keys(f"{PREFIX}{dropped.owner}/"))


async def test_parts_are_put_together_in_order(dropped: DroppedFiles, tmp_path: Path) -> None:
    """They may come in any order, and twice: the last of each counts."""
    for number, part in ((1, b"b"), (0, b"wrong"), (2, b"c"), (0, b"a")):
        await dropped.put_part(FILE, number, part)
    assert await dropped.parts(FILE) == 3
    with await dropped.open(FILE, 3, tmp_path) as file:
        file.seek(0)
        assert file.read() == b"abc"
    await dropped.delete([FILE])
    assert await dropped.parts(FILE) == 0


async def test_a_file_with_a_gap_is_not_opened(dropped: DroppedFiles, tmp_path: Path) -> None:
    """The parts up to the gap are told, so that the browser sends the rest."""
    await dropped.put_part(FILE, 0, b"a")
    await dropped.put_part(FILE, 2, b"c")
    assert await dropped.parts(FILE) == 1
    for parts in (0, 2, 3):
        with pytest.raises(NotFound):
            await dropped.open(FILE, parts, tmp_path)


async def test_nobody_else_opens_a_file(dropped: DroppedFiles, tmp_path: Path) -> None:
    """Whoever knows its id, and whose it is, lacks the key. A part that is moved to another place does not open."""
    await dropped.put_part(FILE, 0, b"secret")
    await dropped.put_part(FILE, 1, b"more")
    with pytest.raises(UnreadableBlob):
        await DroppedFiles(dropped.platform, dropped.owner, new_data_key()).open(FILE, 2, tmp_path)
    assert await DroppedFiles(dropped.platform, uuid4(), dropped.key).parts(FILE) == 0
    first, second = (dropped.platform.settings.data / "blobs" / key for key in stored(dropped))
    second.write_bytes(first.read_bytes())
    with pytest.raises(UnreadableBlob):
        await dropped.open(FILE, 2, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file_id", ["", "x" * 32, FILE.upper(), f"{FILE}0", f"{FILE[:-4]}/../", f"{FILE}\n"])
async def test_an_id_leads_nowhere_else(dropped: DroppedFiles, file_id: str, tmp_path: Path) -> None:
    """It becomes part of a path."""
    for call in (dropped.put_part(file_id, 0, b"x"), dropped.parts(file_id), dropped.open(file_id, 1, tmp_path)):
        with pytest.raises(InvalidRequest):
            await call


async def test_parts_have_a_number_and_a_size(dropped: DroppedFiles) -> None:
    """As many parts as the largest upload has, none larger than a part; only the first may be empty."""
    most = -(-dropped.platform.settings.max_upload_bytes // PART_BYTES)
    for number, data in ((-1, b"x"), (most, b"x"), (0, bytes(PART_BYTES + 1)), (1, b"")):
        with pytest.raises(RequestTooLarge):
            await dropped.put_part(FILE, number, data)
    assert stored(dropped) == []
    await dropped.put_part(FILE, 0, b"")
    await dropped.put_part(FILE, most - 1, b"x")
    assert len(stored(dropped)) == 2


async def test_many_files_at_once_keep_the_limit(dropped: DroppedFiles) -> None:
    """Parts that come at the same time do not see each other, and what is refused leaves nothing."""
    ids = [uuid4().hex for _ in range(2 * MAX_FILES)]
    results = await asyncio.gather(*(dropped.put_part(id_, 0, b"x") for id_ in ids), return_exceptions=True)
    kept = [id_ for id_, result in zip(ids, results, strict=True) if result is None]
    assert {type(result) for result in results} <= {type(None), RequestTooLarge}
    assert len(kept) <= MAX_FILES
    assert [key.split("/")[2] for key in stored(dropped)] == sorted(kept)
    for id_ in ids:  # Now one after the other.
        if len(kept) < MAX_FILES and id_ not in kept:
            await dropped.put_part(id_, 0, b"x")
            kept.append(id_)
    with pytest.raises(RequestTooLarge):
        await dropped.put_part(uuid4().hex, 0, b"x")
    await dropped.put_part(kept[0], 0, b"again")
    assert len(stored(dropped)) == MAX_FILES


@pytest.mark.parametrize("size", [1, PART_BYTES, PART_BYTES + 1])
async def test_a_whole_file_is_kept_in_parts(dropped: DroppedFiles, size: int, tmp_path: Path) -> None:
    """It is the same when it is opened again, however many parts it takes."""
    content = os.urandom(size)
    with SealedTemporary(tmp_path) as file:
        file.write(content)
        id_, parts = await dropped.keep(file)
    assert parts == -(-size // PART_BYTES)
    with await dropped.open(id_, parts, tmp_path) as file:
        file.seek(0)
        assert file.readall() == content


async def test_old_parts_are_deleted_in_batches(dropped: DroppedFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before their day is over, and then all of them, however many there are."""
    monkeypatch.setattr(dropped_files, "KEYS_PER_BATCH", 2)
    for number in range(5):
        await dropped.put_part(FILE, number, b"x")
    now = datetime.now(UTC)
    await asyncio.to_thread(delete_old_parts, dropped.platform, now)
    assert len(stored(dropped)) == 5
    assert await asyncio.to_thread(delete_old_parts, dropped.platform, now + LIFETIME + timedelta(minutes=1)) >= 5
    assert stored(dropped) == []
