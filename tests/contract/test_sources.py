"""The contract of all sources (sources/contract.py). test_live_sources.py has that of sources with a sign-in."""

import gzip
import io
import json
import re
import tarfile
import tracemalloc
import zipfile
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.archives import zipped
from tests.object_schemas import check_objects, validators

from privateshare.platform.consent.locales.update import texts
from privateshare.platform.library.read_exports import ReadObjects, opened_export, stored_pages
from privateshare.platform.reader_results import ReadExport
from privateshare.protocol.catalogue import ObjectType, catalogue, registrations
from privateshare.protocol.object_time import FHIR, object_time
from privateshare.sources.contract import (
    OWNER_UNKNOWN_YET,
    PAGE_OBJECTS,
    Broken,
    Connection,
    FileMark,
    Page,
    ReadOnceSource,
    Sample,
    Source,
)
from privateshare.sources.entries import page_entries
from privateshare.sources.failures import encode_left_out
from privateshare.sources.frames import EntryPage, encode_page
from privateshare.sources.object_counts import ObjectCounts
from privateshare.sources.recognition import choices, recognise
from privateshare.sources.registry import Sources
from privateshare.sources.trial import try_source

Archive = Callable[[int], bytes]

EXAMPLES = 6  # For each source.
MANY_EXAMPLES = 100
ROOT = Path(__file__).parents[2]
OBJECTS = 40
SOURCES_BY_ID = Sources().connectable
SOURCES = [pytest.param(source, id=catalogue().sources[id_].reference) for id_, source in SOURCES_BY_ID.items()]
# Sources that are alike but for their ids are tried once.
ALIKE = {
    (type(source), repr(source.info.upload), source.info.object_types): id_
    for id_, source in reversed([*SOURCES_BY_ID.items()])
}
# Workouts with positions take a second to make. What is fetched again is fetched of one such source.
LONG_TO_MAKE = {"garmin", "strava", "applehealth", "applehealthrecords"}
# Most of that second is for workouts or for an export of Apple Health, which samples of other sources have too.
MADE_AS_OTHERS = {"garmin", "strava", "applehealthrecords"}


def samples(slow: Collection[str] = ()) -> list[Any]:
    """Return the samples of all sources, for the parameters of a test that is slow for some of them."""
    return [
        # Large samples are the default ones at ten times the size.
        pytest.param(
            SOURCES_BY_ID[id_],
            sample,
            marks=pytest.mark.slow if sample.id == "large" or catalogue().sources[id_].reference in slow else (),
            id=f"{catalogue().sources[id_].reference}-{sample.id}",
        )
        for id_ in ALIKE.values()
        for sample in SOURCES_BY_ID[id_].info.samples
    ]


SAMPLES = samples(slow=MADE_AS_OTHERS)
SCHEMATIC = [param for param in SAMPLES if set(param.values[0].info.object_types) & validators().keys()]

# The tests of each source have a module `good_archives`. Its GOOD_ARCHIVES has a function for each source, which makes
# a good archive of about so many objects. Its FOREIGN, if there is one, is a pattern of what the sources say about a
# file of something else, where that is not what all sources say.
MODULES = [
    import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    for path in sorted(ROOT.glob("tests/unit/sources/*/good_archives.py"))
]
GOOD_ARCHIVES: dict[int, Archive] = {id_: make for module in MODULES for id_, make in module.GOOD_ARCHIVES.items()}
FOREIGN: dict[int, str] = {
    id_: module.FOREIGN for module in MODULES if hasattr(module, "FOREIGN") for id_ in module.GOOD_ARCHIVES
}


def good_archive(source: Source, objects: int = OBJECTS) -> bytes:
    """Return an archive of the source with about so many objects."""
    return _good_archive(source.info.id, objects)


@cache
def _good_archive(source_id: int, objects: int) -> bytes:
    return GOOD_ARCHIVES[source_id](objects)


UPLOADS = [
    pytest.param(SOURCES_BY_ID[id_], id=catalogue().sources[id_].reference)
    for id_ in ALIKE.values()
    if SOURCES_BY_ID[id_].info.upload is not None
]


def fetched(source: Source, connection: Connection) -> list[Page]:
    """Return every page of every type; a sample and an archive skip none."""
    given_pages = list(source.fetch(connection, dict.fromkeys(source.info.object_types)))
    assert all(isinstance(page, Page) for page in given_pages)
    return [page for page in given_pages if isinstance(page, Page)]


def of_sample(source: Source, sample: Sample) -> Sequence[Page]:
    """Fetch a sample of today. Tests share it: a large one takes seconds to make."""
    return _of_sample(source.info.id, sample.id, datetime.now(UTC).date())


@cache
def _of_sample(source_id: int, sample_id: str, _day: date) -> Sequence[Page]:
    return fetched(SOURCES_BY_ID[source_id], Connection(sample=sample_id))


def of_archive(data: bytes) -> Connection:
    return Connection(archive=io.BytesIO(data), provider_account_id="someone")


def uploaded(source: Source, data: bytes) -> int:
    """Lets an archive in as the platform does, and imports it; how many objects it gave."""
    source.identify(of_archive(data))
    return sum(len(page.objects) for page in fetched(source, of_archive(data)))


# --- what it declares ---


@pytest.mark.parametrize("source", SOURCES)
def test_declared_ids_are_in_the_catalogue(source: Source) -> None:
    """Its source, service type, group and object types exist, and belong together."""
    entries, info = catalogue(), source.info
    listed = entries.sources[info.id]
    assert listed.service_type == info.service_type
    assert info.service_group in listed.groups
    assert entries.service_types[info.service_type].group == info.service_group
    assert len(set(info.object_types)) == len(info.object_types) > 0
    for object_type in info.object_types:
        assert entries.object_types[object_type].group == info.service_group


@pytest.mark.parametrize("source", SOURCES)
def test_a_source_says_how_to_connect_it(source: Source) -> None:
    """A person can connect it by a sample, by an upload with written steps, or by signing in."""
    assert source.info.samples or source.info.has_own_data
    for sample in source.info.samples:
        assert sample.name
        assert sample.description.endswith(".")
    if source.info.upload:
        assert all(ending.startswith(".") for ending in source.info.upload.accept.split(","))
        assert len(source.info.upload.instructions) >= 2
        assert all(step.endswith(".") for step in source.info.upload.instructions)


def test_every_upload_has_an_archive_to_test_it_with() -> None:
    """A source with an upload has a good archive in the list above."""
    assert GOOD_ARCHIVES.keys() == {id_ for id_, source in SOURCES_BY_ID.items() if source.info.upload}


# --- recognition ---


def marks() -> dict[int, Sequence[FileMark]]:
    return {id_: upload.marks for id_, source in SOURCES_BY_ID.items() if (upload := source.info.upload) is not None}


def recognised(data: bytes) -> Sequence[Sequence[int]]:
    """Return the groups of sources of which one each is chosen for an upload."""
    uploads = {id_: source.info.upload for id_, source in SOURCES_BY_ID.items()}
    alike = {id_: upload.alike for id_, upload in uploads.items() if upload is not None}
    return choices(recognise(io.BytesIO(data), marks()).files, alike)


def renamed(data: bytes) -> bytes:
    """Return the archive with its files in other folders, and with names that say nothing."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        return zipped({f"a/{number}{Path(name).suffix}": archive.read(name) for number, name in enumerate(names)})


def zipped_again(data: bytes) -> bytes:
    """Return an archive in which the archive lies, as a person may zip a folder with what they downloaded."""
    return zipped({"Downloads/": b"", "Downloads/export.zip": data}) if zipfile.is_zipfile(io.BytesIO(data)) else data


def single_file(data: bytes) -> bytes:
    """Return the largest file of the archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        largest = max(archive.infolist(), key=lambda entry: entry.file_size)
        return archive.read(largest)


def gzipped(data: bytes) -> bytes:
    """Return the largest file of the archive, compressed."""
    return gzip.compress(single_file(data))


def tarred(data: bytes) -> bytes:
    """Return the files of the archive in a compressed tar archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name in archive.namelist():
            entry = tarfile.TarInfo(name)
            entry.size = archive.getinfo(name).file_size
            tar.addfile(entry, io.BytesIO(archive.read(name)))
    return packed.getvalue()


@pytest.mark.parametrize("changed", [bytes, renamed, zipped_again, single_file, gzipped, tarred])
@pytest.mark.parametrize("source", UPLOADS)
def test_an_upload_is_recognised(source: Source, changed: Callable[[bytes], bytes]) -> None:
    """It is recognised by its content: as it came, renamed, and without its archive, and as nothing else."""
    groups = recognised(changed(good_archive(source)))
    own = next(folder.ids for folder in registrations() if source.info.id in folder.ids)
    assert source.info.id in {id_ for group in groups for id_ in group}
    assert {id_ for group in groups for id_ in group} <= set(own)


# What people write to each other, and what marks of sources consist of.
WORDS = (
    "https://www.youtube.com/watch?v=a https://www.youtube.com/results?search_query=a https://music.youtube.com/watch "
    "https://github.com/a/b https://www.tiktok.com/@a/video/1 https://x.com/a/status/1 https://letterboxd.com/film/x/ "
    "https://www.instagram.com/p/1 https://open.spotify.com/track/1 https://www.netflix.com/title/1 https://t.me/a "
    "https://www.strava.com/activities/1 https://www.reddit.com/r/a/comments/1 https://www.goodreads.com/book/1 "
    "OFXHEADER:100 <OFX> camt.053 :60F:C260104EUR1 <HealthData <gpx> <kml> <TrainingCenterDatabase> <ClinicalDocument> "
    "com.samsung.health BEGIN:VCARD BEGIN:VCALENDAR From: a@example.org Takeout/Fit !Type:Bank window.YTD participants"
)
TEXTS: dict[str, tuple[set[int], str]] = {
    "a chat of WhatsApp": ({9003}, f"[01.03.26, 17:12:00] Ann: {WORDS}"),
    "a conversation of Facebook": (
        {1, 420},
        json.dumps({"participants": [{"name": "A"}], "messages": [{"sender_name": "A", "content": WORDS}]}),
    ),
    "a conversation with an assistant": (
        {9005},
        json.dumps([{"title": "t", "mapping": {"a": {"message": {"content": {"parts": [WORDS]}}}}}]),
    ),
    "a message": (
        {9010},
        f"From: a@example.org\nTo: b@example.org\nSubject: Hi\nDate: Mon, 5 Jan 2026 09:00:00 +0000\n\n{WORDS}\n",
    ),
    "an event": (
        {9011},
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nDESCRIPTION:{WORDS}\r\nEND:VEVENT\r\n",
    ),
    "a contact": ({9012}, f"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\r\nNOTE:{WORDS}\r\nEND:VCARD\r\n"),
    "a post": ({2}, "window.YTD.tweets.part0 = " + json.dumps([{"tweet": {"id_str": "1", "full_text": WORDS}}])),
    "notes": (set(), f"Dear diary, {WORDS}"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_words_of_others_in_a_text_mislead_nobody(name: str) -> None:
    """A link in a message is no export of the service that it leads to, and a word no beginning of a file."""
    own, content = TEXTS[name]
    found = {id_ for group in recognised(content.encode()) for id_ in group}
    assert found == own


def test_foreign_files_are_recognised_as_nothing() -> None:
    """What is in them is counted, so that the person can be told."""
    files = {"holiday/1.jpg": b"\xff\xd8", "holiday/2.jpg": b"\xff\xd8", "notes.txt": b"Buy milk, and a ladder."}
    found = recognise(io.BytesIO(zipped(files)), marks())
    assert found.files == {}
    assert (found.seen.number, found.seen.endings) == (3, {".jpg": 2, ".txt": 1})
    assert found.seen.names == ["1.jpg", "2.jpg", "notes.txt"]


# --- samples ---


@pytest.mark.parametrize(("source", "sample"), SAMPLES)
def test_samples_give_declared_types_in_bounded_pages(source: Source, sample: Sample) -> None:
    """Every page has a declared type, some objects and a limited size, and can be encoded as JSON."""
    given_pages = of_sample(source, sample)
    assert given_pages
    for page in given_pages:
        assert page.object_type in source.info.object_types
        assert 0 < len(page.objects) <= PAGE_OBJECTS
        assert json.loads(json.dumps(page.objects, allow_nan=False)) == page.objects


@pytest.mark.parametrize(("source", "sample"), SAMPLES)
def test_samples_have_unique_entity_ids(source: Source, sample: Sample) -> None:
    """Two objects of a type with one entity id would replace each other."""
    for object_type, objects in by_type(of_sample(source, sample)).items():
        ids = [source.info.schema.entity_id(thing) for thing in objects]
        assert len(set(ids)) == len(ids), f"object type {object_type}"


@pytest.mark.parametrize(("source", "sample"), samples(slow=LONG_TO_MAKE))
def test_samples_are_the_same_all_day(source: Source, sample: Sample) -> None:
    """A sample that is fetched again on the same day returns the same objects."""
    day, first = datetime.now(UTC).date(), by_type(of_sample(source, sample))
    again = by_type(fetched(source, Connection(sample=sample.id)))
    assert again == first or datetime.now(UTC).date() != day


@pytest.mark.parametrize(("source", "sample"), SAMPLES)
def test_samples_have_recent_and_no_future_objects(source: Source, sample: Sample) -> None:
    """Some objects are from the last twelve months, and none is from the future."""
    now = datetime.now(UTC)
    standard = source.info.schema.standard
    objects = [thing for page in of_sample(source, sample) for thing in page.objects]
    moments = [moment for thing in objects if (moment := object_time(standard, thing)) is not None]
    if source.info.object_types == (ObjectType.CONTACT,):  # Contacts have no date, so every time range has them.
        assert objects
        assert moments == []
        return
    assert max(moments) >= (now - timedelta(days=365)).timestamp() * 1000
    assert max(moments) <= now.timestamp() * 1000


@pytest.mark.parametrize(("source", "sample"), samples(slow=LONG_TO_MAKE))
def test_only_requested_types_are_fetched(source: Source, sample: Sample) -> None:
    """Object types that were not requested are not fetched."""
    wanted = source.info.object_types[0]
    assert {page.object_type for page in source.fetch(Connection(sample=sample.id), {wanted: None})} <= {wanted}


@pytest.mark.parametrize(("source", "sample"), SAMPLES)
def test_samples_name_their_owner(source: Source, sample: Sample) -> None:
    """Different samples are different accounts with readable names."""
    identity = source.identify(Connection(sample=sample.id))
    others = [source.identify(Connection(sample=other.id)) for other in source.info.samples if other.id != sample.id]
    assert identity.display_name
    assert identity.provider_account_id not in {other.provider_account_id for other in others}


@pytest.mark.parametrize(("source", "sample"), SCHEMATIC)
def test_samples_are_as_their_schemas_say(source: Source, sample: Sample) -> None:
    """Each type that can be consented to has objects of the last year, as the schema of the type says."""
    recent = (datetime.now(UTC) - timedelta(days=365)).timestamp() * 1000
    types: set[int] = set()
    for page in of_sample(source, sample):
        check_objects(page.object_type, list(page.objects))
        # Objects without a date are in every time range.
        if any((object_time("digime", thing) or recent) >= recent for thing in page.objects):
            types.add(page.object_type)
    assert types == set(source.info.object_types)


def test_sources_of_both_kinds_have_schemas() -> None:
    """Otherwise the test above would prove nothing."""
    references = {catalogue().sources[param.values[0].info.id].reference for param in SCHEMATIC}
    assert references >= {"applehealth", "financialaccount"}


def by_type(given_pages: Sequence[Page]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for page in given_pages:
        found.setdefault(page.object_type, []).extend(page.objects)
    return found


# --- uploads ---


@pytest.mark.parametrize("source", UPLOADS)
def test_a_good_archive_is_accepted_and_imported(source: Source) -> None:
    """It keeps the contract: the same objects each time, as their schemas say, of an owner who is not shown."""
    data = good_archive(source)
    trial = try_source(source, lambda: of_archive(data))
    assert trial.faults == []
    assert not trial.left_out.is_partial
    assert sum(report.objects for report in trial.types) > 0


OWNER = 'the "owner" of this – @example.org'


def in_order(entry: tuple[int, Any]) -> tuple[int, str]:
    """Return a key that sorts stored entries. A type is shown differently as a number and as an `ObjectType`."""
    return int(entry[0]), repr(entry[1])


@pytest.mark.parametrize("source", UPLOADS)
async def test_reading_an_upload_once_gives_the_same(source: Source, tmp_path: Path) -> None:
    """Identity, report and objects are those of `identify` and `fetch`, for whatever account they are stored."""
    if not isinstance(source, ReadOnceSource) or not source.reads_once:
        pytest.skip("the objects depend on whose export it is")
    data, info = good_archive(source), source.info
    once = Connection(archive=io.BytesIO(data), provider_account_id=OWNER_UNKNOWN_YET)
    stored = ReadObjects(tmp_path, len(data) + 10_000_000)
    reading = source.read_once(once)

    counts = ObjectCounts()

    async def pages() -> AsyncIterator[bytes | ReadExport]:
        try:
            while True:
                page = EntryPage(list(page_entries(info.schema, next(reading))))
                counts.add(page)
                yield encode_page(page, with_contents=info.schema.standard == FHIR)
        except StopIteration as end:
            yield ReadExport(end.value, once.left_out, OWNER_UNKNOWN_YET, counts)

    summary = await stored.fill(pages())
    kept = io.BytesIO(b"".join(stored.pieces()))
    stored.close()
    checked = of_archive(data)
    assert summary.identity == source.identify(checked)
    assert encode_left_out(summary.left_out) == encode_left_out(checked.left_out)
    again = Connection(archive=io.BytesIO(data), provider_account_id=OWNER)
    expected = [entry for page in fetched(source, again) for entry in page_entries(info.schema, page)]
    stored_again = stored_pages(opened_export(kept), info.schema, info.service_type, OWNER)
    found = [entry for page in stored_again for entry in page.entries]
    assert sorted(found, key=in_order) == sorted(expected, key=in_order)
    assert sum(kind.number for kind in summary.kinds.values()) == len(expected)


def ids_of(source: Source, given_pages: Sequence[Page]) -> set[tuple[int, str]]:
    return {(page.object_type, source.info.schema.entity_id(thing)) for page in given_pages for thing in page.objects}


@pytest.mark.parametrize("source", UPLOADS)
def test_an_import_that_was_interrupted_can_begin_again(source: Source) -> None:
    """A reading that stops after its first page leaves nothing behind: the next one yields everything."""
    data = good_archive(source)
    pages_of_it = iter(source.fetch(of_archive(data), dict.fromkeys(source.info.object_types)))
    first = next(pages_of_it)
    del pages_of_it
    again = fetched(source, of_archive(data))
    assert isinstance(first, Page)
    assert ids_of(source, [first]) <= ids_of(source, again)
    assert ids_of(source, again) == ids_of(source, fetched(source, of_archive(data)))


@pytest.mark.parametrize("source", UPLOADS)
def test_a_newer_export_contains_the_older_one(source: Source) -> None:
    """What is in both exports has the same ids in both, so that nothing is there twice."""
    older = ids_of(source, fetched(source, of_archive(good_archive(source, OBJECTS))))
    newer = ids_of(source, fetched(source, of_archive(good_archive(source, 2 * OBJECTS))))
    assert older <= newer


def peak(source: Source, data: bytes) -> int:
    """Return the peak memory in bytes that importing an archive takes in addition to the archive."""
    tracemalloc.start()
    try:
        source.identify(of_archive(data))
        for _ in source.fetch(of_archive(data), dict.fromkeys(source.info.object_types)):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("source", UPLOADS)
@pytest.mark.slow
def test_memory_does_not_grow_with_the_archive(source: Source) -> None:
    """An archive of any size is read as a stream."""
    assert peak(source, good_archive(source, 16_000)) < 1.5 * peak(source, good_archive(source, 8_000))


def encrypted_flag(data: bytes) -> bytes:
    """Return the zip with the mark of encryption at each of its entries."""
    changed = bytearray(data)
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = changed.find(magic)
        while at >= 0:
            changed[at + flags] |= 1
            at = changed.find(magic, at + 1)
    return bytes(changed)


def emptied(data: bytes, content: bytes) -> bytes:
    """Return the archive with the same names, and this content in every file."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return zipped_alike(archive.namelist(), content)


def zipped_alike(names: Sequence[str], content: bytes) -> bytes:
    """Return a zip with this content, which is compressed once for all tests, at each name."""
    plain, compressed = compressed_entry(content)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            entry = copy(plain)
            entry.filename, entry.header_offset = name, packed.tell()
            packed.write(entry.FileHeader() + compressed)
            archive.filelist.append(entry)
        archive.start_dir = packed.tell()
        archive._didModify = True  # type: ignore[attr-defined]  # Otherwise no directory is written.
    return packed.getvalue()


@cache
def compressed_entry(content: bytes) -> tuple[zipfile.ZipInfo, bytes]:
    """Return the entry of a zip archive that has this content, and its compressed bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0", content)
        return archive.filelist[0], packed.getvalue()[len(archive.filelist[0].FileHeader()) : archive.start_dir]


def flipped(data: bytes) -> bytes:
    """Return the archive with a damaged byte in the middle of its content."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]


@cache
def overlapping(content: bytes) -> bytes:
    """Return a zip whose thousands of files are all the same few bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.json", content)
        for number in range(1, 3000):
            entry = copy(archive.filelist[0])
            entry.filename = f"{number}.json"
            archive.filelist.append(entry)
    return packed.getvalue()


OTHER = "|holds no"

BREAKINGS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "is empty"),
    "no archive": (lambda _: b"\x89PNG\r\n\x1a\n" + bytes(100), "not a zip|not JSON" + OTHER),
    "truncated": (lambda data: data[: len(data) * 2 // 3], "damaged or was not downloaded"),
    "beginning only": (lambda data: data[:3], "damaged|not a zip" + OTHER),
    "changed": (flipped, "damaged|not JSON"),
    "empty zip": (lambda _: zipped({}), "zip archive is empty"),
    "encrypted": (encrypted_flag, "password"),
    "bomb": (lambda data: emptied(data, bytes(60_000_000)), "far more than an export"),
    "overlapping bomb": (lambda _: overlapping(b"[" + bytes(b" " * 9_999 + b"\0") * 100), "far more than an export"),
    "wrong JSON": (lambda data: emptied(data, b"[nonsense"), "not JSON" + OTHER),
    "cut JSON": (lambda data: emptied(data, b'[{"ts": "2026'), "not JSON, or was cut off" + OTHER),
    "wrong shape": (lambda data: emptied(data, b'{"hello": ["world"]}'), "holds no" + OTHER),
    "list of numbers": (lambda data: emptied(data, b"[1, 2, 3]"), "does not hold what|holds no" + OTHER),
    "other objects": (lambda data: emptied(data, b'[{"a": 1}]'), "not in Spotify's form|holds no" + OTHER),
    "deep": (lambda data: emptied(data, b"[" * 50_000), "nested more deeply" + OTHER),
    "very deep": (lambda data: emptied(data, b"[" * 1_000_000), "nested more deeply" + OTHER),
    "deep behind quotes": (lambda data: emptied(data, rb'[{"\"]]]]":[' * 10_000), "nested more deeply" + OTHER),
    "very deep behind quotes": (lambda data: emptied(data, rb'[{"\"]]]]":[' * 100_000), "nested more deeply" + OTHER),
    "zip in zip in zip": (
        lambda data: zipped({"folder.zip": zipped({"export.zip": data})}),
        "another zip|no .json" + OTHER,
    ),
    "foreign export": (
        lambda _: zipped({"Wiedergabeverlauf/Hörverlauf_0.csv": "Künstler;Titel\n".encode("latin-1")}),
        "holds no" + OTHER,
    ),
    "path tricks without data": (
        lambda _: zipped({"../../../etc/passwd": b"root", "/abs.txt": b""}),
        "holds no" + OTHER,
    ),
}


# What is broken in a way of its own for each source, and what a source must not read past.
BROKEN_FOR_EACH = {"empty", "truncated", "bomb", "wrong JSON", "wrong shape"}
# A source for each form of content, and for each class that many sources share. `make test-slow` tries all others too.
BROKEN_IN_ALL_WAYS = {
    *("spotify", "fhirfile", "facebook", "twitter", "fitbit", "linkedin", "mastodon", "bluesky", "applehealth"),
    *("whatsapp", "netflix", "mailfile", "calendarfile", "workoutfiles", "financialaccount"),
}


def broken_uploads() -> list[Any]:
    """Return each source with each breaking; most of what the sources share is slow."""
    return [
        pytest.param(
            SOURCES_BY_ID[id_],
            breaking,
            marks=() if breaking in BROKEN_FOR_EACH or (is_tried_fully and not is_very_deep) else pytest.mark.slow,
            id=f"{reference}-{breaking}",
        )
        for id_ in ALIKE.values()
        if SOURCES_BY_ID[id_].info.upload is not None
        for breaking in BREAKINGS
        for reference in [catalogue().sources[id_].reference]
        for is_tried_fully, is_very_deep in [(reference in BROKEN_IN_ALL_WAYS, breaking.startswith("very deep"))]
    ]


@cache
def translatable() -> set[str]:
    """Return the texts that are translated."""
    return {message.id for message in texts() if isinstance(message.id, str)}


@pytest.mark.parametrize(("source", "breaking"), broken_uploads())
def test_broken_uploads_are_explained(source: Source, breaking: str) -> None:
    """Sentences in every language say what is wrong and what to do, without technical terms."""
    broken, words = BREAKINGS[breaking]
    if words.endswith(OTHER) and (own := FOREIGN.get(source.info.id)):
        words = f"{words}|{own}"
    with pytest.raises(Broken, match=words) as told:
        source.identify(of_archive(broken(good_archive(source))))
    assert told.value.text in translatable()
    message = str(told.value)
    assert ". " in message  # The texts say what is wrong and what to do.
    assert message.endswith(".")
    for technical in ("Error", "Exception", "Traceback", "b'", "0x", "Errno"):
        assert technical not in message


@pytest.mark.parametrize("source", UPLOADS)
def test_paths_in_archives_are_not_followed(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that climb out of a folder are plain names: the data is read, and no file is written."""
    inner = tmp_path / "one" / "two"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    with zipfile.ZipFile(io.BytesIO(good_archive(source))) as plain:
        tricky = {f"../../{name.rsplit('/', 1)[-1]}": plain.read(name) for name in plain.namelist()}
    assert uploaded(source, zipped(tricky)) == uploaded(source, good_archive(source))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "compression",
    [zipfile.ZIP_STORED, pytest.param(zipfile.ZIP_BZIP2, marks=pytest.mark.slow), zipfile.ZIP_LZMA],
)
@pytest.mark.parametrize("source", UPLOADS)
def test_all_zip_compressions_are_read(source: Source, compression: int) -> None:
    """Damage in any compression is reported as Broken."""
    with zipfile.ZipFile(io.BytesIO(good_archive(source))) as plain:
        packed = zipped({name: plain.read(name) for name in plain.namelist()}, compression)
    assert uploaded(source, packed) == uploaded(source, good_archive(source))
    with pytest.raises(Broken):
        uploaded(source, flipped(packed))


@pytest.mark.parametrize("source", UPLOADS)
def test_a_byte_order_mark_is_ignored(source: Source) -> None:
    """Files that begin with a byte order mark are read like those without."""
    with zipfile.ZipFile(io.BytesIO(good_archive(source))) as plain:
        marked = {name: b"\xef\xbb\xbf" + plain.read(name) for name in plain.namelist()}
    assert uploaded(source, zipped(marked)) == uploaded(source, good_archive(source))


def in_another_form(content: bytes, form: Callable[[bytes], bytes]) -> bytes:
    """Return a file in another form, if it is a text; but XML says itself which form it has."""
    is_text = content.isascii() or not {0, 0x1F} & set(content[:100])
    if not is_text or content.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"<"):
        return content
    try:
        content.decode()
    except UnicodeError:
        return content
    return form(content)


FORMS: Mapping[str, Callable[[bytes], bytes]] = {
    "lines of old Macs": lambda content: content.replace(b"\r\n", b"\n").replace(b"\n", b"\r"),
    "lines of Windows": lambda content: content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
    "blank lines before": lambda content: b"\r\n\r\n" + content,
    "UTF-16": lambda content: content.decode("utf-8-sig").encode("utf-16"),
    "UTF-16 without a mark": lambda content: content.decode("utf-8-sig").encode("utf-16-le"),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("source", UPLOADS)
def test_texts_in_other_forms_are_read(source: Source, form: str) -> None:
    """As programs write and people save them: with other ends of lines, blank lines before, and in other encodings."""
    with zipfile.ZipFile(io.BytesIO(good_archive(source))) as plain:
        files = {name: in_another_form(plain.read(name), FORMS[form]) for name in plain.namelist()}
    assert source.info.id in {id_ for group in recognised(zipped(files)) for id_ in group}
    assert uploaded(source, zipped(files)) == uploaded(source, good_archive(source))


def only_broken(source: Source, data: bytes) -> None:
    """Imports it, or raises Broken; anything else fails the test."""
    with suppress(Broken):
        uploaded(source, data)


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """Return an archive with missing, added or changed bytes."""
    start = draw(st.integers(0, len(good)))
    end = draw(st.integers(start, min(len(good), start + 50)) | st.just(len(good)))
    return good[:start] + draw(st.binary(max_size=50)) + good[end:]


BEGINNINGS = (b"", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08", b"\xef\xbb\xbf", b"[", b'{"resourceType":"')
RANDOM_BYTES = st.builds(bytes.__add__, st.sampled_from(BEGINNINGS), st.binary(max_size=300))
ANY_JSON = st.builds(
    lambda name, thing: zipped({name: json.dumps(thing).encode()}),
    st.sampled_from(["Streaming_History_Audio_0.json", "record.json", "record.ndjson"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    ),
)


@pytest.mark.parametrize("source", UPLOADS)
@given(data=st.data())
@settings(max_examples=EXAMPLES)
def test_damaged_archives_raise_only_broken(source: Source, data: st.DataObject) -> None:
    """A damaged archive is either imported or raises Broken."""
    only_broken(source, data.draw(damaged(good_archive(source))))


@pytest.mark.parametrize("source", UPLOADS)
@given(data=RANDOM_BYTES)
@settings(max_examples=EXAMPLES)
def test_random_bytes_raise_only_broken(source: Source, data: bytes) -> None:
    """Random uploads raise no error but Broken."""
    only_broken(source, data)


@pytest.mark.parametrize("source", UPLOADS)
@given(data=ANY_JSON)
@settings(max_examples=EXAMPLES)
def test_any_json_raises_only_broken(source: Source, data: bytes) -> None:
    """Any JSON in an archive raises no error but Broken."""
    only_broken(source, data)


@pytest.mark.parametrize("source", UPLOADS)
@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=MANY_EXAMPLES)
def test_many_wrong_uploads_raise_only_broken(source: Source, data: st.DataObject) -> None:
    """The wrong uploads of the tests above, more of each."""
    only_broken(source, data.draw(damaged(good_archive(source)) | RANDOM_BYTES | ANY_JSON))


ODD_VALUES = (
    b"1e999",
    b"9" * 40,
    b"NaN",
    rb'"\ud800"',
    b"[" * 300 + b"]" * 300,
    b"null",
    b"-1",
    b'"0001-01-01T00:00:00+23:59"',
)
MAX_FIELDS = 6  # Of each archive.
# A field and its first value: of JSON, of an element or attribute of XML, and a cell of a table.
FIELDS = {
    "json": re.compile(rb'("[^"\\\n]{1,60}"\s*:\s*)("(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false)'),
    "xml": re.compile(rb'(\b[A-Za-z]{1,30}=|<[A-Za-z]{1,30}>)("[^"<]+"|[^<>\n"]+(?=</))'),
    "csv": re.compile(rb'(^|,)("(?:[^"]|"")*"|[^,"\r\n]+)', re.M),
    "text": re.compile(rb"(^|[:;, \[/-])([^:;, \[\]/\r\n-]+)", re.M),  # A word of any other format.
}


def odd_archives(archive: bytes) -> Iterator[bytes]:
    """Yield archives in which one value of a real field is odd, with each field and each odd value at least once."""
    with zipfile.ZipFile(io.BytesIO(archive)) as plain:
        entries = {name: plain.read(name) for name in plain.namelist()}
    places: dict[tuple[str, bytes], tuple[str, int, int]] = {}
    for name, content in entries.items():
        form = next((form for form in FIELDS if form in name.lower()), "json")
        form = form if FIELDS[form].search(content) else "text"
        for place, found in enumerate(FIELDS[form].finditer(content)):
            key = found[1] if form in ("json", "xml") else str(place).encode()
            places.setdefault((form, key.strip()), (name, *found.span(2)))
    every = list(places.items())
    for number, ((form, _), (name, start, end)) in enumerate(every[:: max(1, len(every) // MAX_FIELDS)]):
        for odd in (ODD_VALUES[number % len(ODD_VALUES)], ODD_VALUES[(number * 3 + 1) % len(ODD_VALUES)]):
            value = odd if form == "json" else odd.strip(b'"')
            if form == "xml" and entries[name][start : start + 1] == b'"':
                value = b'"' + value + b'"'
            yield zipped(entries | {name: entries[name][:start] + value + entries[name][end:]})


@pytest.mark.parametrize("source", UPLOADS)
def test_objects_with_odd_values_are_broken_or_serialisable(source: Source) -> None:
    """Values that JSON allows and databases do not, like huge numbers or lone surrogates, are not passed on."""
    changed = list(odd_archives(good_archive(source)))
    assert changed
    for archive in changed:
        with suppress(Broken):
            source.identify(of_archive(archive))
            for page in fetched(source, of_archive(archive)):
                json.dumps(list(page.objects), allow_nan=False, ensure_ascii=False).encode()


# Files of kinds that no source takes, with what could be in them.
OTHER_FILES = {
    "other/unknown.bin": b"\0\1\2\3",
    "other/picture.jpg": b"\xff\xd8\xff\xe0",
    "other/unknown.json": b'{"things": [{"a": 1}, {"a": 2}]}',
    "other/unknown.csv": b"a;b\n1;2\n3;4\n",
    "other/words.txt": b"Buy milk.\n",
    "other/page.html": b"<!doctype html><html><body><p>Nothing</p></body></html>",
    "other/manual.pdf": b"%PDF-1.7",
}


@pytest.mark.parametrize("source", UPLOADS)
def test_every_file_of_an_export_is_accounted_for(source: Source) -> None:
    """A file is read, named, or counted with its kind. Nothing is left out without a word, and nothing counts twice."""
    assert source.info.upload is not None
    data = good_archive(source, 5)
    packed = io.BytesIO(data if data.startswith(b"PK") else b"")
    with zipfile.ZipFile(packed, "a") as archive:
        if not data.startswith(b"PK"):
            archive.writestr(f"export{source.info.upload.accept.split(',')[0]}", data)
        for name, content in OTHER_FILES.items():
            archive.writestr(name, content)
    plain, mixed = of_archive(data), of_archive(packed.getvalue())
    source.identify(plain)
    source.identify(mixed)
    told = mixed.left_out
    named = told.unused.keys() | told.damaged.keys()
    for path in OTHER_FILES:
        name, ending = PurePosixPath(path).name, PurePosixPath(path).suffix
        assert (name in named) + (told.skipped[ending] - plain.left_out.skipped[ending]) == 1, path
    assert told.read == plain.left_out.read
    assert told.skipped.total() <= len(OTHER_FILES) + plain.left_out.skipped.total()
