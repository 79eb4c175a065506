"""The contract of sources that people sign in to: the live part of sources/contract.py."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from examples.walking import Browser
from tests.hospital import TYPES
from tests.hospital.running import CLIENT_SECRET, Hospital, hospital

from privateshare.protocol.catalogue import catalogue
from privateshare.protocol.pkce import new_verifier
from privateshare.sources import oauth
from privateshare.sources.contract import (
    PAGE_OBJECTS,
    Connection,
    NeedsLogin,
    Page,
    PushSource,
    SignInSource,
    Skipped,
    TryLater,
)
from privateshare.sources.fhir_server.configuration import FhirServerSettings
from privateshare.sources.fhir_server.source import FhirServer

SYNTHEA = Path(__file__).parents[1] / "data" / "synthea" / "patient-1.json.gz"
OF_EACH_TYPE = 150  # About so many resources, which the hospital returns in more than one page.
CALLBACK = "http://127.0.0.1/apps/saas/connected"
REFUSED: Mapping[str, Any] = {"access_token": "nonsense", "patient": "p1"}


@dataclass
class Live:
    """A source, what a person who signed in there connects, and the place behind it."""

    source: FhirServer
    connection: Connection
    token: dict[str, Any]
    city: Hospital


def stu3_record() -> list[dict[str, Any]]:
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "pulse"}}
    return [
        {"resourceType": "Patient", "id": "p1", "name": [{"text": "Ada Tester"}]},
        *(observation | {"id": f"o{number}"} for number in range(234)),
    ]


def r4_record() -> list[dict[str, Any]]:
    """Return a record that other software made, as it is but for the patient's id, with some of each type."""
    entries = json.loads(gzip.decompress(SYNTHEA.read_bytes()))["entry"]
    by_type: dict[str, list[dict[str, Any]]] = {kind: [] for kind in TYPES}
    for entry in entries:
        by_type.get(entry["resource"]["resourceType"], []).append(entry["resource"])
    some = [one for found in by_type.values() for one in found[:: 1 + len(found) // OF_EACH_TYPE]]
    return [one | {"id": "p1"} if one["resourceType"] == "Patient" else one for one in some]


RECORDS = {"stu3": stu3_record, "r4": r4_record}


@pytest.fixture(scope="module", params=list(RECORDS))
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    """Provide each live source, at a place that speaks its protocol, with somebody signed in."""
    with hospital(request.param) as city:
        city.do("keep", patient="p1", resources=RECORDS[request.param]())
        kinds = [kind for kind in TYPES if kind != "Device" or request.param == "r4"]
        settings = city.settings(9100, push=True, resource_types=kinds)
        source = FhirServer(FhirServerSettings.model_validate(settings))
        token = signed_in(source)
        connection = Connection(token=token)
        account = source.identify(connection).provider_account_id
        yield Live(source, Connection(token=token, provider_account_id=account), token, city)


def signed_in(source: SignInSource) -> dict[str, Any]:
    """Signs in as the platform and a person do; the token."""
    sign_in, verifier, browser = source.sign_in({}), new_verifier(), Browser()
    browser.open(oauth.authorization_address(sign_in, CALLBACK, "the state", verifier))
    browser.open(str(browser.left_to))
    browser.submit("continue")
    code = str(browser.left_to).split("code=")[1].split("&")[0]
    return oauth.exchange_code(sign_in, CALLBACK, code, verifier)


def fetched(live: Live, wanted: Mapping[int, str | None] | None = None) -> list[Page | Skipped]:
    everything = dict.fromkeys(live.source.info.object_types)
    return list(live.source.fetch(live.connection, everything if wanted is None else wanted))


def test_a_source_declares_known_types(live: Live) -> None:
    """Its service type and object types are in the catalogue, and it is listed under its own name and id."""
    entries, source = catalogue(), live.source
    assert source.info.signs_in
    assert source.info.has_own_data
    assert isinstance(source, SignInSource)
    assert entries.service_types[source.info.service_type].group == source.info.service_group
    assert {entries.object_types[kind].group for kind in source.info.object_types} == {source.info.service_group}
    assert source.info.id not in entries.sources
    assert (source.listing.id, source.listing.service_type) == (source.info.id, source.info.service_type)
    assert isinstance(source, PushSource)
    assert bool(source.info.takes) == (2 in source.listing.types)


def test_secrets_are_not_shown(live: Live) -> None:
    """No `repr` shows the client secret, tokens or the owner of the account."""
    shown = f"{live.source.sign_in({})!r} {live.connection!r} {live.source.identify(live.connection)!r}"
    for secret in (CLIENT_SECRET, live.token["access_token"], "p1'"):
        assert secret not in shown


def test_signing_in_identifies_the_account(live: Live) -> None:
    """Signing in reports the account's owner with a readable name, the same each time."""
    identity = live.source.identify(live.connection)
    assert (identity.provider_account_id, identity.type) == ("p1", "USER")
    assert identity.display_name
    assert live.source.identify(live.connection) == identity


def test_all_objects_come_in_bounded_pages(live: Live) -> None:
    """Every object comes once, in a page of a declared type and limited size that can be encoded as JSON."""
    found = fetched(live)
    pages = [page for page in found if isinstance(page, Page)]
    assert pages == found
    counts: Counter[str] = Counter()
    for page in pages:
        assert page.object_type in live.source.info.object_types
        assert len(page.objects) <= PAGE_OBJECTS
        assert json.loads(json.dumps(page.objects, allow_nan=False)) == page.objects or not page.objects
        counts.update(one["resourceType"] for one in page.objects)
    ids = [live.source.info.schema.entity_id(one) for page in pages for one in page.objects]
    assert len(set(ids)) == len(ids)
    there = Counter(one["resourceType"] for one in RECORDS[live.city.version]())
    assert counts == there


def test_only_requested_types_are_fetched(live: Live) -> None:
    """The source receives no request for other object types."""
    before = len(live.city.do("requests"))
    wanted = live.source.info.object_types[1]
    assert {page.object_type for page in fetched(live, {wanted: None})} <= {wanted}
    paths = {asked.split("?")[0].split("/")[1] for asked in live.city.do("requests")[before:]}
    assert len(paths) == 1


def test_a_fetch_continues_at_a_cursor(live: Live) -> None:
    """A later fetch continues from an earlier cursor, without the earlier data."""
    cursors = {page.object_type: page.cursor for page in fetched(live) if isinstance(page, Page) and page.cursor}
    assert cursors
    assert all(isinstance(page, Page) for page in fetched(live, cursors))


def test_a_rejected_token_requires_signing_in_again(live: Live) -> None:
    """Whichever request is rejected, the source raises the error that makes the person sign in again."""
    refused = Connection(token=dict(REFUSED), provider_account_id="p1")
    with pytest.raises(NeedsLogin):
        live.source.identify(refused)
    with pytest.raises(NeedsLogin):
        list(live.source.fetch(refused, dict.fromkeys(live.source.info.object_types)))
    with pytest.raises(NeedsLogin):
        live.source.push(refused, "Observation", b"{}")
    with pytest.raises(NeedsLogin):
        list(live.source.fetch(Connection(provider_account_id="p1"), dict.fromkeys(live.source.info.object_types)))


@pytest.mark.parametrize(("status", "headers", "seconds"), [(503, {"Retry-After": "17"}, 17), (429, {}, 60)])
def test_a_requested_pause_is_passed_on(live: Live, status: int, headers: dict[str, str], seconds: int) -> None:
    """A source that asks for a pause is reported as unavailable for that time."""
    live.city.do("fail", type="Observation", status=status, headers=headers)
    with pytest.raises(TryLater) as told:
        fetched(live)
    assert told.value.retry_after == seconds
    live.city.do("fail", type="Observation", status=status, headers=headers)
    with pytest.raises(TryLater) as told:
        live.source.push(live.connection, "Observation", b"{}")
    assert told.value.retry_after == seconds


@pytest.mark.parametrize(
    "status", [pytest.param(400, marks=pytest.mark.slow), 403, pytest.param(404, marks=pytest.mark.slow), 500]
)
def test_a_failing_type_does_not_affect_the_others(live: Live, status: int) -> None:
    """The failing type is reported with the source's response, and all others are fetched."""
    # The search is repeated with categories, which some servers require.
    live.city.do("fail", type="Condition", status=status, times=2 if status == 400 else 1)
    found = fetched(live)
    (skipped,) = [one for one in found if isinstance(one, Skipped)]
    assert (skipped.object_type, skipped.status) == (128, status)
    assert str(status) in skipped.message
    last = {one.object_type for one in found if isinstance(one, Page) and one.cursor}
    assert last == set(live.source.info.object_types) - {128, 9101}


def test_pushed_data_is_passed_on_unchanged(live: Live) -> None:
    """The bytes are passed on unchanged, and the source's response is returned."""
    content = b'{"resourceType":"Observation","status":"final","code":{"text":"pulse"},"valueQuantity":{"value":61.50}}'
    answer = live.source.push(live.connection, "Observation", content)
    assert (answer.status, answer.certain) == (201, True)
    new = live.city.do("kept", patient="p1", type="Observation")[-1]
    assert new["id"] == answer.content["id"]
    refused = live.source.push(live.connection, "Observation", b'{"resourceType":"Observation"}')
    assert (refused.status, refused.content["resourceType"], refused.certain) == (400, "OperationOutcome", True)
