"""Tests of the object buffer and of mapped files."""

import gzip
import json
import tracemalloc
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any
from uuid import uuid4

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace as with_values

from privateshare.platform.blobs.cloud import CloudBlobs
from privateshare.platform.blobs.sealed import UnreadableBlob
from privateshare.platform.db.tables import FileRow
from privateshare.platform.keys.wrapping import new_data_key
from privateshare.platform.library import mapped_files
from privateshare.platform.library.encoding import (
    compress,
    compress_stored,
    decompress_stored,
    json_array,
    recompress,
    split_json_array,
)
from privateshare.platform.library.libraries import AccountGone, KeyLost, OpenLibrary
from privateshare.platform.library.mapped_files import MappedFiles
from privateshare.platform.library.merging import plan_merge
from privateshare.platform.library.object_buffer import Digests, ObjectBuffer, Slot
from privateshare.protocol import zstd
from privateshare.protocol.messages import Compression
from privateshare.protocol.object_time import month_of
from privateshare.protocol.window import ALL_TIME, Window
from privateshare.sources.contract import JsonObject, ObjectSchema
from privateshare.sources.entries import Entry

DIGIME, FHIR = ObjectSchema("digime", "1.0.0"), ObjectSchema("fhir", "4.0.1")
DAY = 86_400_000
PLAYS = 406
ACCOUNT = uuid4()


def thing(number: int, created: int | None = None, **more: Any) -> JsonObject:
    return {"entityid": f"e{number}", "createddate": number * DAY if created is None else created, **more}


# --- the buffer ---


@given(
    numbers=st.lists(st.integers(0, 400), max_size=60),
    max_memory=st.sampled_from([0, 300, 2_000, 10**9]),
    text=st.text(max_size=30),
)
@settings(max_examples=60, deadline=None)
def test_the_buffer_returns_what_was_added(numbers: list[int], max_memory: int, text: str) -> None:
    """Objects come back slot by slot and in order, whether they fit into memory or not."""
    given_things = [(PLAYS + n % 2, thing(n, note=f"{text} {position}")) for position, n in enumerate(numbers)]
    expected: dict[int, list[JsonObject]] = {}
    with ObjectBuffer(DIGIME, max_memory) as buffer:
        for object_type, one in given_things:
            buffer.add(object_type, one)
            expected.setdefault(object_type, []).append(one)
        slots = buffer.slots()
        assert slots == sorted(set(slots))
        for slot in slots:
            found = [json.loads(entry.data) for entry in buffer.entries(slot)]
            assert found == [json.loads(entry.data) for entry in buffer.entries(slot)]
            months = [one for one in expected[slot.object_type] if month(one) == slot.month]
            assert found == months
        assert sum(len(list(buffer.entries(slot))) for slot in slots) == len(given_things)


def month(one: JsonObject) -> int:
    with ObjectBuffer(DIGIME) as buffer:
        buffer.add(1, one)
        return buffer.slots()[0].month


@pytest.mark.parametrize(
    ("schema", "one", "expected"),
    [
        (DIGIME, thing(0), 197001),
        (DIGIME, thing(40), 197002),
        (DIGIME, {"entityid": "x"}, 0),
        (DIGIME, thing(0, 10**18), 0),
        (FHIR, {"resourceType": "Observation", "effectiveDateTime": "2026-03"}, 202603),
        (FHIR, {"resourceType": "Patient"}, 0),
    ],
)
def test_objects_go_into_the_slot_of_their_month(schema: ObjectSchema, one: JsonObject, expected: int) -> None:
    """The month is that of the object's date in UTC. Objects without a date share one slot."""
    with ObjectBuffer(schema) as buffer:
        buffer.add(7, one)
        assert buffer.slots() == [Slot(7, expected)]


def test_spilled_objects_are_encrypted() -> None:
    """The buffer's temporary file contains no plain text."""
    with ObjectBuffer(DIGIME, max_memory=0) as buffer:
        buffer.add(PLAYS, thing(1, note="a very private line"))
        assert buffer._file is not None
        buffer._file.seek(0)
        on_disk = buffer._file.read()
        assert len(on_disk) > 50
        assert b"private" not in on_disk
        with pytest.raises(zstd.ZstdError):
            zstd.decompress(on_disk)


def test_the_buffer_estimates_its_memory_correctly() -> None:
    """The limit of the buffer holds for the memory that it really uses."""
    things = [thing(number, note="x" * 300) for number in range(3000)]
    tracemalloc.start()
    try:
        with ObjectBuffer(DIGIME) as buffer:
            for one in things:
                buffer.add(PLAYS, one)
            assert tracemalloc.get_traced_memory()[0] < 1.5 * buffer._bytes
    finally:
        tracemalloc.stop()


# --- mapped files ---


def slot_of(entry: Entry) -> Slot:
    return Slot(PLAYS, month_of(entry.moment) or 0)


@dataclass
class Slots:
    """A slot's files as the database would know them, written again and again. Whatever month it is of goes there.

    `written` is what the stages of one import wrote, if it knows that.
    """

    mapped_files: MappedFiles
    files: list[FileRow]
    written: list[Digests] | None = None

    def write(self, things: Iterable[JsonObject], schema: ObjectSchema = DIGIME) -> list[int]:
        """Write objects, and return the numbers of the written parts."""
        with ObjectBuffer(schema) as buffer:
            for one in things:
                buffer.add(PLAYS, one)
            merge = plan_merge(
                buffer,
                PLAYS,
                lambda _: ((slot_of(entry), entry) for entry in self.kept(schema)),
                stored_digests=self.written,
            )
            if self.written is not None:
                self.written.append(merge.digests)
            entries = [entry for slot in buffer.slots() for entry in merge.entries(slot)]
        written = self.mapped_files.write_slot(
            ACCOUNT, schema, self.files, entries, lambda entry: merge.keeps(slot_of(entry), entry)
        )
        kept = {file.part: file for file in self.files}
        for file in written:
            kept[file.part] = FileRow(
                account_id=ACCOUNT,
                part=file.part,
                blob=file.blob,
                sealed_sha256=file.sealed_sha256,
                sealed_dates=file.sealed_dates,
                object_count=file.object_count,
            )
        self.files = [kept[part] for part in sorted(kept)]
        return [one.part for one in written]

    def kept(self, schema: ObjectSchema) -> Iterator[Entry]:
        for file in self.files:
            yield from self.mapped_files.entries(schema, file)

    def objects(self) -> list[JsonObject]:
        assert all(file.object_count == len(self.mapped_files.objects(file)) for file in self.files)
        return [one for file in self.files for one in self.mapped_files.objects(file)]

    def hashes(self) -> list[str]:
        return [self.mapped_files.sha256(file) for file in self.files]

    def blobs(self) -> set[str]:
        return set(self.mapped_files.blobs.keys("library/"))


@pytest.fixture
def slot() -> Slots:
    return new_slot()


def new_slot() -> Slots:
    return Slots(MappedFiles(CloudBlobs("memory:///"), OpenLibrary(uuid4(), new_data_key(), {ACCOUNT: b"its key"})), [])


def test_objects_are_kept_in_the_order_of_time(slot: Slots) -> None:
    """A new slot gets one file, with its objects sorted."""
    assert slot.write([thing(3), thing(1), thing(2)]) == [1]
    assert slot.objects() == [thing(1), thing(2), thing(3)]


def test_a_later_object_replaces_an_earlier_one(slot: Slots) -> None:
    """The same entity id again: the later one stays, whether it came in another sync or in the same."""
    slot.write([thing(1, name="first"), thing(2), thing(1, name="second")])
    assert slot.objects() == [thing(1, name="second"), thing(2)]
    assert slot.write([thing(1, name="third"), thing(3)]) == [1]
    assert slot.objects() == [thing(1, name="third"), thing(2), thing(3)]


def test_the_same_again_writes_nothing(slot: Slots) -> None:
    """A sync that brings nothing new changes no file and writes no blob."""
    slot.write([thing(1), thing(2)])
    blobs = slot.blobs()
    assert slot.write([thing(2), thing(1), thing(2)]) == []
    assert slot.write([]) == []
    assert slot.blobs() == blobs


@given(
    numbers=st.lists(st.integers(0, 40), max_size=30),
    cuts=st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted),
)
@settings(max_examples=60, deadline=None)
def test_writing_in_stages_changes_nothing(numbers: list[int], cuts: list[int]) -> None:
    """An archive whose objects are written in stages has the same objects as one that is written at once."""
    things = [thing(number, note=position) for position, number in enumerate(numbers)]
    at_once, in_stages = new_slot(), new_slot()
    in_stages.written = []
    at_once.write(things)
    for start, end in pairwise((0, *cuts, len(things))):
        in_stages.write(things[start:end])
    assert in_stages.objects() == at_once.objects()


def test_a_large_slot_has_several_files(slot: Slots, monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects beyond the limit of one file go into further parts, and only changed parts are written again."""
    monkeypatch.setattr(mapped_files, "MAX_OBJECTS_PER_FILE", 10)
    assert slot.write(thing(number) for number in range(25)) == [1, 2, 3]
    assert slot.write([thing(12, name="changed"), thing(30)]) == [2, 3]
    assert slot.write(thing(number) for number in range(31, 50)) == [3, 4, 5]
    found = slot.objects()
    assert [one["entityid"] for one in found] == [f"e{n}" for n in [*range(25), *range(30, 50)]]
    assert found[12]["name"] == "changed"


@given(st.lists(st.lists(st.integers(0, 30), max_size=20), max_size=4))
@settings(max_examples=40, deadline=None)
def test_the_result_does_not_depend_on_how_objects_are_spread_over_syncs(syncs: list[list[int]]) -> None:
    """Several small syncs write the same files as one large sync."""
    library = OpenLibrary(uuid4(), new_data_key(), {ACCOUNT: b"its key"})
    bit_by_bit, at_once = (Slots(MappedFiles(CloudBlobs("memory:///"), library), []) for _ in range(2))
    for numbers in syncs:
        bit_by_bit.write(thing(number) for number in numbers)
    at_once.write(thing(number) for numbers in syncs for number in numbers)
    assert bit_by_bit.hashes() == at_once.hashes()
    assert bit_by_bit.objects() == at_once.objects()


def test_fhir_resources_are_merged_by_type_and_id(slot: Slots) -> None:
    """Resources of different types may have the same id."""
    one: JsonObject = {"resourceType": "Observation", "id": "1", "effectiveDateTime": "2026-01-02"}
    other: JsonObject = {"resourceType": "Condition", "id": "1", "onsetDateTime": "2026-01-01"}
    slot.write([one, other, one | {"status": "final"}], FHIR)
    assert slot.objects() == [other, one | {"status": "final"}]


@pytest.mark.parametrize(
    ("things", "window"),
    [
        ([thing(9003), thing(9001), thing(9002)], Window(9001 * DAY, 9003 * DAY)),
        ([thing(9001), thing(9002, enddate=9009 * DAY)], Window(9001 * DAY, 9009 * DAY)),
        ([{"entityid": "undated"}], None),
        ([{"entityid": "undated"}, thing(1)], ALL_TIME),  # Each object must be checked.
        ([{"entityid": "odd", "createddate": "soon"}, thing(1)], ALL_TIME),
    ],
)
def test_a_file_records_the_window_of_its_dates(slot: Slots, things: list[JsonObject], window: Window | None) -> None:
    """The window contains the dates of older and of newly merged objects."""
    slot.write(things[:1])
    slot.write(things[1:])
    assert [slot.mapped_files.window(file) for file in slot.files] == [window]


def test_files_are_encrypted_for_their_library_and_name(slot: Slots) -> None:
    """A file opens only with its own key and under its own name, and its blob contains no plain text."""
    slot.write([thing(1, name="a very private line"), thing(2)])
    (file,) = slot.files
    raw = b"".join(slot.mapped_files.blobs.read(file.blob))
    assert b"private" not in raw
    stolen = file.blob.rsplit("/", 1)[0] + "/elsewhere"
    writer = slot.mapped_files.blobs.writer(stolen)
    writer.write(raw)
    writer.commit()
    with pytest.raises(UnreadableBlob):
        slot.mapped_files.objects(FileRow(account_id=ACCOUNT, blob=stolen))
    mine = slot.mapped_files.library
    for key, keys in (
        (new_data_key(), mine.account_keys),
        (mine.key, {ACCOUNT: b"another"}),
    ):
        stranger = replace(slot.mapped_files, library=OpenLibrary(mine.id, key, keys))
        with pytest.raises(UnreadableBlob):
            stranger.objects(file)
    with pytest.raises(KeyLost):
        replace(slot.mapped_files, library=OpenLibrary(mine.id, mine.key, lost_accounts=frozenset([ACCOUNT]))).objects(
            file
        )
    with pytest.raises(AccountGone):
        replace(slot.mapped_files, library=OpenLibrary(mine.id, mine.key)).objects(file)
    with pytest.raises(KeyLost):
        replace(slot.mapped_files, library=replace(mine, lost_accounts=frozenset({ACCOUNT}))).objects(file)


# --- encodings ---


def decompressed(data: bytes, compression: Compression) -> bytes:
    if compression is Compression.GZIP:
        return gzip.decompress(data)
    if compression is Compression.BROTLI:
        return bytes(brotli.decompress(data))
    if compression is Compression.ZSTD:
        return zstd.decompress(data)
    return data


@pytest.mark.parametrize("compression", list(Compression))
@given(data=st.binary(max_size=2000) | st.sampled_from([b"", b"[]", b"play " * 200_000]), piece=st.integers(1, 900))
@settings(max_examples=40, deadline=None)
def test_every_compression_round_trips(compression: Compression, data: bytes, piece: int) -> None:
    """The reader's decompressor restores the data, whether it was stored so or compressed on the way."""
    kept = compress_stored(data)
    pieces = [kept[start : start + piece] for start in range(0, len(kept), piece)]
    assert b"".join(decompress_stored(pieces)) == data
    assert decompressed(b"".join(recompress(pieces, compression)), compression) == data
    assert decompressed(b"".join(compress(cut(data, piece), compression)), compression) == data


def cut(data: bytes, piece: int) -> Sequence[bytes]:
    return [data[start : start + piece * 100] for start in range(0, len(data), piece * 100)]


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(-(2**53), 2**53), max_size=3)))
def test_serialised_objects_are_joined_and_split(objects: list[JsonObject]) -> None:
    """Serialised objects are joined to a valid JSON array and split again."""
    data = json_array(entry.data for entry in (Entry("", 0, None, json.dumps(one).encode()) for one in objects))
    assert [json.loads(text) for text in split_json_array(data)] == json.loads(data) == objects


@pytest.mark.parametrize("created", [5 * DAY, None, "2026-03-01", 5.5, True, -(2**62), 2**62, {"value": 5}])
@pytest.mark.parametrize("schema", [DIGIME, FHIR])
def test_stored_objects_are_compared_by_the_same_values(slot: Slots, schema: ObjectSchema, created: Any) -> None:
    """Without their dates. This takes less time if all objects of a file have an exact date, and else is the same."""
    resource = {"resourceType": "Observation", "id": "x"}
    slot.write([thing(n) | ({"createddate": created} if n == 1 else {}) | resource for n in range(3)], schema)
    for file in slot.files:
        whole, brief = (
            of_file(schema, file) for of_file in (slot.mapped_files.entries, slot.mapped_files.undated_entries)
        )
        assert [with_values(entry, dates=None) for entry in whole] == [
            with_values(entry, dates=None) for entry in brief
        ]


@pytest.mark.parametrize("schema", [DIGIME, FHIR])
def test_a_file_without_the_ids_that_are_needed_may_yield_nothing(slot: Slots, schema: ObjectSchema) -> None:
    """One that has any of them yields all that are needed."""
    resource = {"resourceType": "Observation", "id": "x"}
    slot.write([thing(n, 1_700_000_000_000 + n) | resource for n in range(3)], schema)
    (file,) = slot.files
    entries = list(slot.mapped_files.entries(schema, file))
    for entry in entries:
        ids = frozenset({hash(entry.entity_id), hash("another")})
        assert entry.entity_id in {one.entity_id for one in slot.mapped_files.undated_entries(schema, file, ids)}
    if schema is DIGIME:
        assert not list(slot.mapped_files.undated_entries(schema, file, frozenset({hash("another")})))
