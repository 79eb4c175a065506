"""What tells an object from others of the same type and id."""

from typing import Any

import pytest

from privateshare.protocol.dates import read_date
from privateshare.sources.contract import Identity
from privateshare.sources.identity import Version, fhir_subject, fhir_version


def test_versions_are_compared_by_time_then_by_number() -> None:
    """Not as texts, and not at all if neither is known."""
    ordered = [
        (Version(None, 9), Version(None, 10)),
        (Version(read_date("2026-01-01T23:00:00-02:00"), 9), Version(read_date("2026-01-02T01:30:00Z"), 1)),
        (Version(read_date("2026-01-01T10:00:00Z"), 9), Version(read_date("2026-01-01T10:00:00Z"), 10)),
        (Version(read_date("2026-01-01"), 9), Version(read_date("2026-01-01T10:00:00Z"), 10)),
    ]
    for older, newer in ordered:
        assert (older.compare(newer), newer.compare(older)) == (-1, 1)
    for one, other in (
        (Version(), Version()),
        (Version(None, 1), Version()),
        (Version(None, 1), Version(read_date("2026-01-01"))),
        (Version(None, 1), Version(None, 1)),
        (Version(read_date("2026-01")), Version(read_date("2026-01-05"))),
    ):
        assert one.compare(other) == other.compare(one) == 0


@pytest.mark.parametrize(
    ("meta", "response", "expected"),
    [
        ({"versionId": "12", "lastUpdated": "2026-01-01"}, None, Version(read_date("2026-01-01"), 12)),
        ({"versionId": 12}, None, Version(None, 12)),
        (None, {"etag": 'W/"3"', "lastModified": "2026-01-01"}, Version(read_date("2026-01-01"), 3)),
        ({"versionId": "4"}, {"etag": '"3"', "lastModified": "soon"}, Version(None, 4)),
        ({"versionId": "a1", "lastUpdated": "soon"}, {"etag": 5}, Version()),
        ({"versionId": "1" * 40}, {"etag": "W/"}, Version()),
        ("odd", ["odd"], Version()),
        ({"versionId": "²", "lastUpdated": {}}, None, Version()),
    ],
)
def test_the_version_of_a_resource(meta: Any, response: Any, expected: Version) -> None:
    """In `meta`, or beside it in a history. A version that is not a number has no order."""
    assert fhir_version({"meta": meta} if meta else {}, response) == expected


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({"resourceType": "Patient", "id": "p1"}, "p1"),
        ({"subject": {"reference": "Patient/p1"}}, "p1"),
        ({"patient": {"reference": "https://a.example/fhir/Patient/p1/_history/2"}}, "p1"),
        ({"subject": {"reference": "urn:uuid:12-3"}}, "12-3"),
        ({"subject": {"reference": "#p"}, "patient": {"reference": "Patient/p1/"}}, "p1"),
        ({"subject": None}, ""),
        ({"subject": "x"}, ""),
        ({"subject": []}, ""),
        ({"subject": {}}, ""),
        ({"subject": {"reference": 5}}, ""),
        ({"subject": {"reference": ""}}, ""),
    ],
)
def test_the_subject_of_a_resource(resource: dict[str, Any], expected: str) -> None:
    """By the id of its subject, or its own id if it is a Patient."""
    assert fhir_subject(resource) == expected


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        (Identity("1", "Ann"), "Ann"),
        (Identity("account", "Netflix", named=False), ""),
        (Identity("statements", "DE…4242", "BANK", named=False), "DE…4242"),
    ],
)
def test_an_export_that_names_nobody_has_no_owner_name(identity: Identity, name: str) -> None:
    """The name of the source stands in its place for apps, and is no name of a person. A bank's accounts have theirs."""
    assert identity.owner_name == name
