"""CMS Blue Button 2.0, which is a FHIR server in the settings: docs/deploy.md."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from pydantic import ValidationError
from tests.apis.blue_button import CLAIMS, MOMENT, PATIENT, SCOPE, blue_button

from privateshare.protocol.catalogue import ObjectType
from privateshare.protocol.pkce import new_verifier
from privateshare.sources import oauth
from privateshare.sources.contract import Connection, JsonObject, NeedsLogin, Page, Skipped, TryLater
from privateshare.sources.fhir_server.configuration import FhirServerSettings
from privateshare.sources.fhir_server.source import FhirServer
from privateshare.testing.api_server import Answer, ApiServer, running

CALLBACK = "https://share.example/apps/saas/connected"
DOCUMENT = Path(__file__).parents[4] / "docs" / "deploy.md"
PUBLISHED = "https://api.bluebutton.cms.gov"
EVERYTHING = dict.fromkeys((ObjectType.PATIENT, ObjectType.COVERAGE, ObjectType.EXPLANATION_OF_BENEFIT))


def documented() -> dict[str, Any]:
    """Return the settings that the handbook shows."""
    found = re.search(r"```json\n(\{[^`]*bluebutton[^`]*\})\n```", DOCUMENT.read_text("utf-8"))
    assert found is not None
    settings: dict[str, Any] = json.loads(found[1])
    return settings


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with running(blue_button()) as server:
        yield server


def source(server: ApiServer) -> FhirServer:
    """The source with the documented settings, at the local server."""
    text = json.dumps(documented()).replace(PUBLISHED, server.address)
    return FhirServer(
        FhirServerSettings.model_validate(json.loads(text) | {"client_id": "client", "client_secret": "client-secret"})
    )


def signed_in(server: ApiServer) -> JsonObject:
    sign_in, verifier = source(server).sign_in({}), new_verifier()
    response = httpx2.get(oauth.authorization_address(sign_in, CALLBACK, "the state", verifier))
    assert parse_qs(urlsplit(str(response.request.url)).query)["scope"] == [SCOPE]
    code = parse_qs(urlsplit(response.headers["location"]).query)["code"][0]
    return oauth.exchange_code(sign_in, CALLBACK, code, verifier)


def connection(token: JsonObject) -> Connection:
    return Connection(token=token, provider_account_id=PATIENT)


def fetched(server: ApiServer, token: JsonObject, cursors: Any = EVERYTHING) -> list[Page | Skipped]:
    return list(source(server).fetch(connection(token), cursors))


def ids(found: list[Page | Skipped]) -> set[str]:
    return {one["id"] for page in found if isinstance(page, Page) for one in page.objects}


def test_claims_and_coverage_are_read(server: ApiServer) -> None:
    """In pages of 50. Later only changes are requested."""
    token = signed_in(server)
    identity = source(server).identify(connection(token))
    assert (identity.provider_account_id, identity.display_name) == (PATIENT, "Jane X Doe")
    found = fetched(server, token)
    assert all(isinstance(page, Page) for page in found)
    assert len(ids(found)) == 1 + 4 + CLAIMS
    assert server.paths().count("/v2/fhir/ExplanationOfBenefit") == 3
    cursors = {page.object_type: page.cursor for page in found if isinstance(page, Page) and page.cursor}
    assert not ids(fetched(server, token, cursors)) - {PATIENT, *(f"part-{part}-{PATIENT}" for part in "abcd")}
    asked = [call for call in server.asked if call.path == "/v2/fhir/ExplanationOfBenefit"][-1]
    assert asked.query["_lastUpdated"] == f"ge{MOMENT - timedelta(minutes=5):%Y-%m-%dT%H:%M:%SZ}"


def test_a_person_may_withhold_who_they_are(server: ApiServer) -> None:
    """Blue Button lets people share claims without demographic data. The rest is read, and the app learns it."""
    token = signed_in(server)
    refused: Answer = (403, {}, {"detail": "You do not have permission to perform this action."})
    server.fail(f"/v2/fhir/Patient/{PATIENT}", refused, times=2)
    assert source(server).identify(connection(token)).display_name == "Health record"
    found = fetched(server, token)
    assert [(one.object_type, one.status) for one in found if isinstance(one, Skipped)] == [(ObjectType.PATIENT, 403)]
    assert len(ids(found)) == 4 + CLAIMS


def test_tokens_are_refreshed_and_revoked(server: ApiServer) -> None:
    token = signed_in(server)
    server.expire()
    with pytest.raises(NeedsLogin):
        fetched(server, token)
    sign_in = source(server).sign_in({})
    token = oauth.refresh(sign_in, token)
    assert token["patient"] == PATIENT
    assert len(ids(fetched(server, token))) == 1 + 4 + CLAIMS
    assert oauth.revoke(sign_in, token)
    with pytest.raises(NeedsLogin):
        oauth.refresh(sign_in, token)


def test_limits_and_failures_are_passed_on(server: ApiServer) -> None:
    token = signed_in(server)
    server.fail("/v2/fhir/ExplanationOfBenefit", server.api.limited, after=1)
    with pytest.raises(TryLater) as told:
        fetched(server, token)
    assert told.value.retry_after == 17
    server.fail("/v2/fhir/Coverage", (500, {}, {"detail": "error"}))
    found = fetched(server, token)
    assert [one.status for one in found if isinstance(one, Skipped)] == [500]
    assert len(ids(found)) == 1 + CLAIMS


@pytest.mark.parametrize(
    "wrong",
    [
        {"authorization_endpoint": "https://a.example/a"},
        {"token_endpoint": "https://a.example/t"},
        {"revocation_endpoint": "https://a.example/r"},
        {"authorization_endpoint": "http://a.example/a", "token_endpoint": "https://a.example/t"},
        {"authorization_endpoint": "https://a.example/a", "token_endpoint": "javascript:x"},
    ],
)
def test_endpoints_in_the_settings_must_be_complete_and_safe(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        FhirServerSettings.model_validate(
            {"id": 9100, "name": "A", "base_url": "https://a.example", "client_id": "x"} | wrong
        )
