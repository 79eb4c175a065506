"""Tests of the archive in which people take everything along: what cannot be read takes nothing else with it."""

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
from tests.unit.platform.library.stored_files import observation, stored

from privateshare.platform.blobs.cloud import CloudBlobs
from privateshare.platform.blobs.sealed import put_sealed
from privateshare.platform.consent.translation import Translator
from privateshare.platform.db.tables import AccountRow, FileRow, PushedFileRow
from privateshare.platform.keys.wrapping import new_data_key
from privateshare.platform.library.account_identities import DETAILS
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.pushed_files import METADATA
from privateshare.platform.me.export_archive import Export

ACCOUNT, OTHER = uuid4(), uuid4()
LIBRARY = OpenLibrary(uuid4(), new_data_key(), {ACCOUNT: b"its key", OTHER: b"another"})
BLOBS = CloudBlobs("memory:///")
NOW = datetime(2026, 3, 1, tzinfo=UTC)
EDGES = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-05", "once")


def account(id_: UUID, number: int) -> AccountRow:
    details = {"provider_account_id": "ann", "display_name": "Ann", "named": True, "id_in_objects": None}
    sealed = LIBRARY.account(id_).seal(DETAILS, id_, orjson.dumps(details))
    return AccountRow(id=id_, number=number, source_id=9001, type="USER", sealed_details=sealed)


def pushed(metadata: bytes | None) -> PushedFileRow:
    name = uuid4()
    blob = LIBRARY.blob(f"pushed/{name}")
    put_sealed(BLOBS, blob, LIBRARY.key.value, LIBRARY.blob_context(blob), [b"content"])
    sealed = b"damaged" if metadata is None else LIBRARY.seal(METADATA, name, metadata)
    return PushedFileRow(name=name, blob=blob, size=7, sealed_metadata=sealed)


def exported(
    library: OpenLibrary,
    accounts: Sequence[AccountRow],
    files: Sequence[FileRow],
    apps: Sequence[PushedFileRow],
    at: Path,
) -> dict[str, bytes]:
    """Return the files of the archive by name."""
    export = Export(BLOBS, library, accounts, files, apps, at, Translator("en"), NOW, lambda: None)
    with zipfile.ZipFile(io.BytesIO(b"".join(export.chunks()))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def objects(found: dict[str, bytes], folder: str) -> list[str]:
    (name,) = [name for name in found if name.startswith(f"data/{folder}") and name.endswith(".ndjson")]
    return sorted(json.loads(line)["id"] for line in found[name].splitlines())


def test_dates_that_no_calendar_has_are_exported(tmp_path: Path) -> None:
    """Each object is there as it came, and its page shows no time for it."""
    things: list[dict[str, Any]] = [observation(n, effectiveDateTime=day) for n, day in enumerate(EDGES)]
    files = stored(MappedFiles(BLOBS, LIBRARY), ACCOUNT, things)
    found = exported(LIBRARY, [account(ACCOUNT, 1)], files, [], tmp_path)
    assert objects(found, "1-") == ["o0", "o1", "o2", "o3"]
    assert json.loads(found["manifest.json"])["unreadable"] == []
    (page,) = [content for name, content in found.items() if name.startswith("pages/")]
    assert b"Jan 5, 2026" in page


def test_what_cannot_be_read_is_named_and_the_rest_is_there(tmp_path: Path) -> None:
    """A wrong key of one account, and the damaged description of a file that an app pushed."""
    mapped_files, things = MappedFiles(BLOBS, LIBRARY), [observation(1, effectiveDateTime="2026-01-05")]
    files = [file for id_ in (ACCOUNT, OTHER) for file in stored(mapped_files, id_, things)]
    files[1].name = "the other"
    described = orjson.dumps(
        {"mimetype": "text/plain", "accounts": [], "appid": "a", "contractid": "c", "partnerid": "p", "created": 1}
    )
    apps = [pushed(described), pushed(None)]
    wrong = replace(LIBRARY, account_keys={ACCOUNT: b"its key", OTHER: b"of somebody else"})
    found = exported(wrong, [account(ACCOUNT, 1), account(OTHER, 2)], files, apps, tmp_path)
    assert objects(found, "1-") == ["o1"]
    assert objects(found, "2-") == []
    manifest = json.loads(found["manifest.json"])
    assert manifest["unreadable"] == ["the other", f"{apps[1].name}.json"]
    assert ["owner" in one for one in manifest["accounts"]] == [True, False]
    assert {name for name in found if name.startswith("apps/")} == {
        f"apps/{apps[0].name}",
        f"apps/{apps[0].name}.json",
        f"apps/{apps[1].name}",
    }
    assert found[f"apps/{apps[1].name}"] == b"content"
