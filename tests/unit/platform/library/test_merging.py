"""Tests of the content of a library after one and several uploads of a health record."""

import io
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from tests.archives import zipped

from privateshare.platform.blobs.cloud import CloudBlobs
from privateshare.platform.db.tables import FileRow
from privateshare.platform.keys.wrapping import new_data_key
from privateshare.platform.library import merging, object_buffer
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.merging import plan_merge
from privateshare.platform.library.object_buffer import ObjectBuffer, Slot
from privateshare.sources.contract import Connection, Page
from privateshare.sources.entries import Entry, page_entries
from privateshare.sources.fhir_file.source import FhirFile

Json = dict[str, Any]
CASES = Path(__file__).parents[3] / "data" / "cases"
SCHEMA = FhirFile.info.schema
ACCOUNT = uuid4()
A, B = "https://a.example/fhir", "https://b.example/fhir"


@dataclass
class Account:
    """An account's files, as syncs write them."""

    mapped_files: MappedFiles = field(
        default_factory=lambda: MappedFiles(
            CloudBlobs("memory:///"), OpenLibrary(uuid4(), new_data_key(), {ACCOUNT: b"its key"})
        )
    )
    files: dict[tuple[Slot, int], FileRow] = field(default_factory=dict)
    max_memory: int = 64 * 1024 * 1024

    def upload(self, record: bytes) -> list[Json]:
        """Upload a record, and return the account's objects."""
        archive = Connection(archive=io.BytesIO(record))
        pages = [
            page
            for page in FhirFile().fetch(archive, dict.fromkeys(FhirFile.info.object_types))
            if isinstance(page, Page)
        ]
        return self.sync(pages)

    def sync(self, pages: Sequence[Page]) -> list[Json]:
        """Merge pages, and return the account's objects."""
        with ObjectBuffer(SCHEMA, self.max_memory) as buffer:
            for page in pages:
                for object_type, entry in page_entries(SCHEMA, page):
                    buffer.add_entry(object_type, entry)
            for object_type in buffer.object_types():
                merge = plan_merge(buffer, object_type, partial(self.kept, object_type))
                for slot in merge.slots:
                    existing = [file for (known, _), file in sorted(self.files.items(), key=str) if known == slot]
                    keeps = partial(merge.keeps, slot)
                    for new in self.mapped_files.write_slot(ACCOUNT, SCHEMA, existing, merge.entries(slot), keeps):
                        self.files[slot, new.part] = FileRow(
                            account_id=ACCOUNT,
                            part=new.part,
                            blob=new.blob,
                            object_count=new.object_count,
                            sealed_sha256=new.sealed_sha256,
                            sealed_dates=new.sealed_dates,
                            sealed_origins=new.sealed_origins,
                        )
        return self.objects()

    def kept(self, object_type: int, _: object = None) -> Iterator[tuple[Slot, Entry]]:
        for (slot, _), file in list(self.files.items()):
            if slot.object_type == object_type:
                yield from ((slot, entry) for entry in self.mapped_files.entries(SCHEMA, file))

    def objects(self) -> list[Json]:
        """Return everything that an app reads."""
        found = [thing for file in self.files.values() for thing in self.mapped_files.objects(file)]
        return sorted(found, key=lambda thing: json.dumps(thing, sort_keys=True))


@pytest.fixture
def account() -> Account:
    return Account()


def value(number: int, id_: str = "1", day: str = "2026-03-04", **more: Any) -> Json:
    """Return an Observation of someone."""
    told = {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": day,
        "valueInteger": number,
    }
    return {name: part for name, part in (told | more).items() if part is not None}


def meta(version: int | None = None, updated: str | None = None, **more: Any) -> Json:
    told = {"versionId": version and str(version), "lastUpdated": updated}
    return {"meta": {name: part for name, part in told.items() if part} | more}


def bundle(*entries: Json, kind: str = "collection") -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": kind, "entry": entries}).encode()


def of_server(server: str, resource: Json) -> Json:
    return {"fullUrl": f"{server}/{resource['resourceType']}/{resource['id']}", "resource": resource}


def changed(resource: Json, method: str = "PUT", **response: Any) -> Json:
    """Return an entry of a history."""
    return {
        "resource": resource,
        "request": {"method": method, "url": f"Observation/{resource['id']}"},
        "response": response,
    }


def removed(id_: str = "1", **response: Any) -> Json:
    """Return the entry of a history that says that an Observation was deleted."""
    return {"request": {"method": "DELETE", "url": f"Observation/{id_}"}, "response": {"status": "204"} | response}


def ndjson(*resources: Json) -> bytes:
    return b"\n".join(json.dumps(resource).encode() for resource in resources)


def numbers(objects: Sequence[Json]) -> list[int]:
    return sorted(thing["valueInteger"] for thing in objects)


TWO_HOSPITALS: dict[str, bytes] = {
    "folders": zipped({"a/Observation.ndjson": ndjson(value(1)), "b/Observation.ndjson": ndjson(value(2))}),
    "folders, with versions": zipped(
        {"x/a/1.json": ndjson(value(1, **meta(3))), "x/b/1.json": ndjson(value(2, **meta(1)))}
    ),
    "addresses": bundle(of_server(A, value(1, **meta(1))), of_server(B, value(2, **meta(2)))),
    "sources": ndjson(value(1, **meta(1, source=f"{A}#77")), value(2, **meta(2, source=B))),
    "patients": ndjson(value(1, **meta(1)), value(2, subject={"reference": "Patient/77"}, **meta(2))),
    "files of a phone": zipped({"c/Observation-1.json": ndjson(value(1)), "c/Observation-2.json": ndjson(value(2))}),
    "files of a phone, dated": zipped(
        {f"c/{n}.json": ndjson(value(n, **meta(1, f"2026-01-0{n}T10:00:00Z"))) for n in (1, 2)}
    ),
    "nothing": bundle({"resource": value(1)}, {"resource": value(2)}),
    "in one month and in another": ndjson(value(1), value(2, day="2020-01-01")),
    "histories": zipped({f"{n}.json": bundle(changed(value(n)), kind="history") for n in (1, 2)}),
}


@pytest.mark.parametrize("told_by", TWO_HOSPITALS)
def test_objects_with_one_id_from_two_hospitals_are_both_kept(account: Account, told_by: str) -> None:
    """They are both kept, however their origin is stated, and uploading the export again adds no duplicate."""
    assert numbers(account.upload(TWO_HOSPITALS[told_by])) == [1, 2]
    assert numbers(account.upload(TWO_HOSPITALS[told_by])) == [1, 2]


def test_a_phone_export_with_two_hospitals(account: Account) -> None:
    """Both hospitals' values are kept."""
    record = (CASES / "fhir-same-id-two-hospitals.zip").read_bytes()
    for _ in range(2):
        assert sorted(thing["valueQuantity"]["value"] for thing in account.upload(record)) == [70, 99]


def test_an_export_in_a_renamed_folder_creates_no_duplicates(account: Account) -> None:
    """Systems name the folder after the file, and people unpack exports and pack them again."""
    for folder in ("export", "export (1)", "2026/my export"):
        record = zipped({f"{folder}/{place}/o.json": ndjson(value(n, **meta(1))) for n, place in enumerate("ab")})
        assert numbers(account.upload(record)) == [0, 1]
    assert numbers(
        account.upload(zipped({f"y/{place}/o.json": ndjson(value(n, **meta(2))) for n, place in ((5, "a"), (6, "b"))}))
    ) == [5, 6]


def test_a_newer_export_replaces_changed_objects(account: Account) -> None:
    """Unchanged objects are kept, and the months of the objects do not matter."""
    account.upload(bundle(of_server(A, value(1)), of_server(B, value(2)), of_server(A, value(3, "other"))))
    assert numbers(account.upload(bundle(of_server(A, value(4, day="2025-01-01"))))) == [2, 3, 4]
    assert numbers(account.upload(bundle(of_server(B, value(5))))) == [3, 4, 5]


def test_an_older_export_does_not_revert_newer_versions(account: Account) -> None:
    """The newest version is kept by its own version data, not by the time of the upload."""
    newer, older = (ndjson(value(n, day=day, **meta(n))) for n, day in ((10, "2026-03-04"), (9, "2026-02-04")))
    assert numbers(account.upload(newer)) == [10]
    assert numbers(account.upload(older)) == [10]


def test_without_versions_the_later_upload_is_kept(account: Account) -> None:
    """It replaces an object with the same id, patient and date. If the date differs, both are kept."""
    assert numbers(account.upload(ndjson(value(1)))) == [1]
    assert numbers(account.upload(ndjson(value(2)))) == [2]
    assert numbers(account.upload(ndjson(value(3, day="2020-01-01")))) == [2, 3]


def test_an_export_of_another_hospital_removes_nothing(account: Account) -> None:
    """The other export may differ in its server or its patient id, or name no patient."""
    assert numbers(account.upload(bundle(of_server(A, value(1))))) == [1]
    assert numbers(account.upload(bundle(of_server(B, value(2))))) == [1, 2]
    assert numbers(account.upload(ndjson(value(3, subject={"reference": "Patient/77"})))) == [1, 2, 3]
    places = [{"resourceType": "Location", "id": "1", "name": name} for name in ("North", "South")]
    for place in places:
        found = account.upload(ndjson(place))
    assert [place for place in places if place in found] == places


@pytest.mark.parametrize("shuffle", range(6))
@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([changed(value(n, **meta(n))) for n in (10, 9, 2, 1)], [10]),
        (
            [changed(value(n, day=f"2026-{n:02}-01", **meta(None, f"2026-{n:02}-01T10:00:00Z"))) for n in (10, 9, 2)],
            [10],
        ),
        ([removed(etag='W/"3"'), changed(value(2, **meta(2))), changed(value(1, **meta(1)))], []),
        ([changed(value(4, **meta(4))), removed(etag='W/"3"'), changed(value(2, **meta(2)))], [4]),
        ([removed(lastModified="2026-03-01T10:00:00+01:00"), changed(value(2, **meta(2, "2026-03-01T08:59:59Z")))], []),
        (
            [removed(lastModified="2026-03-01T10:00:00+01:00"), changed(value(2, **meta(2, "2026-03-01T09:00:01Z")))],
            [2],
        ),
        ([removed(), changed(value(2, **meta(2)))], []),
        ([removed("2"), changed(value(1))], [1]),
        ([removed(), changed(value(2, "2"))], [2]),
    ],
)
def test_only_the_newest_version_of_a_history_is_kept(
    account: Account, entries: list[Json], expected: list[int], shuffle: int
) -> None:
    """The order of its entries does not matter, and deleted objects are left out."""
    shuffled = random.Random(shuffle).sample(entries, len(entries)) if shuffle else entries
    record = bundle(*shuffled, of_server(A, value(99, "99")), kind="history")
    for _ in range(2):
        assert numbers(account.upload(record)) == sorted([*expected, 99])


@pytest.mark.parametrize(
    "entry",
    [
        removed(),
        {"request": {"method": "delete", "url": f"{A}/Observation/1"}},
        {"fullUrl": f"{A}/Observation/1", "request": {"method": "DELETE"}},
        {"fullUrl": "x", "request": {"method": "DELETE", "url": "Observation/1/_history/3"}, "resource": value(1)},
        {"fullUrl": f"{A}/Observation/1", "response": {"status": "410 Gone"}},
        {"fullUrl": f"{A}/Observation/1", "response": {"status": 204}, "resource": None},
        {"fullUrl": f"{A}/Observation/1", "request": {"method": "GET"}, "response": {"status": "410"}},
        {"fullUrl": f"{A}/Observation/1"},
        {"fullUrl": f"{A}/Observation/1", "resource": None},
    ],
)
def test_every_form_of_deletion_is_recognised(account: Account, entry: Json) -> None:
    """A deleted object is not delivered, whether it was uploaded before or with its deletion."""
    assert numbers(account.upload(bundle(changed(value(1)), entry, {"resource": value(9, "9")}))) == [9]
    account.upload(ndjson(value(1)))
    assert numbers(account.upload(bundle(entry, {"resource": value(9, "9")}))) == [9]


@pytest.mark.parametrize(
    "entry",
    [
        {"request": {"method": "DELETE", "url": "Observation?code=1"}},
        {"request": {"method": "PUT", "url": "Observation/1"}, "response": {"status": "204"}},
        {"request": {"method": "GET", "url": "Observation/1"}, "response": {"status": "404"}},
        {"fullUrl": f"{A}/Observation/1", "response": {"status": "201 Created"}},
        {"fullUrl": f"{A}/Observation/1", "request": {"method": "GET"}, "response": {"status": "304"}},
        {"fullUrl": "urn:uuid:1"},
        {"search": {"mode": "match"}},
        {"request": "DELETE", "response": 410, "fullUrl": 5},
    ],
)
def test_other_entries_delete_nothing(account: Account, entry: Json) -> None:
    """Responses to changes and deletions without an id delete nothing."""
    assert numbers(account.upload(bundle({"resource": value(1)}, entry))) == [1]


def test_a_history_that_ends_with_a_deletion(account: Account) -> None:
    """None of its versions is delivered."""
    assert account.upload((CASES / "fhir-history-deleted.json").read_bytes()) == []


def test_a_deletion_removes_objects_from_the_library(account: Account) -> None:
    """The file stays, empty, so that apps that have read it learn of the deletion."""
    account.upload(bundle(of_server(A, value(1, **meta(1))), of_server(B, value(2, **meta(1)))))
    gone = removed(etag='W/"2"') | {"fullUrl": f"{A}/Observation/1"}
    assert numbers(account.upload(bundle(gone, of_server(B, value(2, **meta(1)))))) == [2]
    assert (
        account.upload(bundle(removed(etag='W/"2"'), {"resource": {"resourceType": "Patient", "id": "p1"}}))[0]["id"]
        == "p1"
    )
    assert [file.object_count for file in account.files.values()] == [0, 1]


def test_versions_in_one_file_are_one_object(account: Account) -> None:
    """Versions in a file of lines are compared as numbers, not as text. Without versions all objects are kept."""
    assert numbers(account.upload(ndjson(value(9, **meta(9)), value(10, **meta(10))))) == [10]
    assert numbers(account.upload(ndjson(value(7, "2"), value(8, "2")))) == [7, 8, 10]


def test_the_same_object_in_two_files_is_kept_once(account: Account) -> None:
    """The order of an object's members does not matter."""
    written = value(1)
    record = zipped({"all.json": bundle({"resource": written}), "o.ndjson": ndjson(dict(reversed(written.items())))})
    assert numbers(account.upload(record)) == [1]


def test_objects_without_id_are_identified_by_their_content(account: Account) -> None:
    """Uploading them again creates no duplicates."""
    record = ndjson(value(1, id_=None), value(2, id_=None))  # type: ignore[arg-type]
    for _ in range(2):
        assert numbers(account.upload(record)) == [1, 2]


def test_a_later_object_of_a_queried_server_replaces_the_earlier_one(account: Account) -> None:
    """All objects of one id are one object, also if its month changes."""
    page = partial(Page, FhirFile.info.object_types[5])
    assert numbers(account.sync([page([value(1), value(2, day="2020-01-01")])])) == [2]
    assert numbers(account.sync([page([value(3, day="2021-01-01"), value(4, "2")])])) == [3, 4]
    assert numbers(account.sync([page([])])) == [3, 4]


def test_little_memory_gives_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several passes and data on disk give the same result as one pass in memory."""
    resources = [value(n, str(n % 40), day=f"2026-0{1 + n % 7}-01", **meta(n)) for n in range(200)]
    record = bundle(*map(changed, resources), *(removed(str(n)) for n in range(0, 40, 3)), kind="history")
    later = bundle(*(changed(value(500 + n, str(n), **meta(500 + n))) for n in range(20)), kind="history")
    expected = Account()
    expected.upload(record)
    monkeypatch.setattr(merging, "IDS_PER_PASS", 7)
    frugal = Account(max_memory=3000)
    frugal.upload(record)
    assert frugal.objects() == expected.objects()
    assert frugal.upload(later) == expected.upload(later)
    assert len(frugal.objects()) == 33


def test_a_record_of_too_many_months_has_few_files(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond goes where undated objects go; nothing is lost or there twice, whichever months come again."""
    months = [f"{year}-0{month}-01" for year in range(2000, 2010) for month in range(1, 10)]
    all_ = [value(number, str(number), day) for number, day in enumerate(months)]
    few = all_[::3]
    for limit, resources in ((100, few), (7, few), (7, all_[::-1]), (100, all_), (3, all_), (3, few), (100, all_)):
        monkeypatch.setattr(object_buffer, "MAX_SLOTS", limit)
        other = Account()
        other.upload(ndjson(*resources))
        assert sum(bool(file.object_count) for file in other.files.values()) <= limit + 1
        assert len(other.objects()) == len(resources)
        known = {(thing["id"], thing["valueInteger"]) for thing in account.objects()}
        found = account.upload(ndjson(*resources))
        assert len(found) == len(known | {(one["id"], one["valueInteger"]) for one in resources}), limit


def test_origins_are_stored_encrypted(account: Account) -> None:
    """The origins are kept when the file is written again."""
    account.upload(bundle(of_server(A, value(1)), of_server(B, value(2))))
    account.upload(ndjson(value(3, "3")))
    (file,) = account.files.values()
    assert file.sealed_origins is not None
    assert b"example" not in file.sealed_origins
    entries = list(account.mapped_files.entries(SCHEMA, file))
    assert {entry.provenance and entry.provenance.origin.server for entry in entries} == {
        "a.example/fhir",
        "b.example/fhir",
        "",
    }
    assert numbers(account.upload(bundle(of_server(B, value(4))))) == [1, 3, 4]
