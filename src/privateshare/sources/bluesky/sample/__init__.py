"""Sample data: the repository of an invented person, whose last day is yesterday. A day's records never change."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import cbor2

from privateshare.sources.archive import UploadedFile
from privateshare.sources.sample_building import sample_days, sample_file

DID = "did:plc:samplesamplesamplesample"
TEXTS = ("A quiet morning on the harbour.", "New strings on the old guitar.", "Rain again, so: soup.")


def sample_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample."""
    records: list[Mapping[str, Any]] = [{"did": DID, "version": 3, "rev": "3k", "data": None, "prev": None}]
    records.append(
        {"$type": "app.bsky.actor.profile", "displayName": "Sample Sailor", "description": "Boats and songs"}
    )
    for number, (day, chance) in enumerate(sample_days(now, "bluesky")):
        date = f"{day:%Y-%m-%dT%H:%M:%S}.000Z"
        other = f"did:plc:other{number:019}"
        subject = {"uri": f"at://{other}/app.bsky.feed.post/3k{number:011}", "cid": "x"}
        if number % 3 == 0:
            records.append({"$type": "app.bsky.feed.post", "text": chance.choice(TEXTS), "createdAt": date})
        if number % 2 == 0:
            records.append({"$type": "app.bsky.feed.like", "subject": subject, "createdAt": date})
        if number % 15 == 0:
            records.append({"$type": "app.bsky.graph.follow", "subject": other, "createdAt": date})
    return [sample_file("repo.car", car_of(records))]


def car_of(records: Sequence[Mapping[str, Any]]) -> bytes:
    """Make a CAR file of these blocks."""
    parts = [_section(cbor2.dumps({"roots": [], "version": 1}))]
    for record in records:
        data = cbor2.dumps(record)
        parts.append(_section(b"\x01\x71\x12\x20" + sha256(data).digest() + data))
    return b"".join(parts)


def _section(data: bytes) -> bytes:
    length, size = len(data), bytearray()
    while length >= 0x80:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*size, length]) + data
