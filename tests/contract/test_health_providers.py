"""The source of health providers against real FHIR server software of several versions, behind a real OAuth server."""

from typing import Any

import pytest
from examples.walking import Browser
from tests.hospital.running import hospital

from privateshare.protocol.pkce import new_verifier
from privateshare.sources import oauth
from privateshare.sources.contract import Connection, JsonObject, Page
from privateshare.sources.health_provider.source import HealthProvider
from privateshare.sources.typed_servers import TypedServers

CALLBACK = "http://127.0.0.1/apps/saas/signed-in"
PATIENT = {"resourceType": "Patient", "id": "p1", "name": [{"text": "Ada Tester"}]}
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "pulse"}}
ENCOUNTER = {"resourceType": "Encounter", "id": "e1", "subject": {"reference": "Patient/p1"}}
ENCOUNTERS: dict[str, dict[str, Any]] = {
    "r4": {"status": "finished", "class": {"code": "AMB"}, "period": {"start": "2020-01-01"}},
    "r5": {
        "status": "completed",
        "class": [{"coding": [{"code": "AMB"}]}],
        "actualPeriod": {"start": "2020-01-01"},
    },
}


def signed_in(source: HealthProvider, typed: str) -> JsonObject:
    """Register and sign in as the platform and a person do, and return what is stored."""
    known = source.prepare({"server": typed}, CALLBACK)
    known |= source.register(known, CALLBACK)
    sign_in, verifier, browser = source.sign_in(known), new_verifier(), Browser()
    browser.open(oauth.authorization_address(sign_in, CALLBACK, "the state", verifier))
    browser.open(str(browser.left_to))
    browser.submit("continue")
    code = str(browser.left_to).split("code=")[1].split("&")[0]
    return oauth.merged(known, oauth.exchange_code(sign_in, CALLBACK, code, verifier))


@pytest.mark.slow
@pytest.mark.parametrize("version", list(ENCOUNTERS))
def test_any_version_is_read_as_r4(version: str) -> None:
    """From the address to the resources, of which a full read notices that one was deleted."""
    with hospital(version) as city:
        history = [OBSERVATION | {"id": f"o{number}"} for number in range(120)]
        city.do("keep", patient="p1", resources=[PATIENT, ENCOUNTER | ENCOUNTERS[version], *history])
        source = HealthProvider(TypedServers(private=True))
        connection = Connection(token=signed_in(source, f"{city.fhir}/metadata"), provider_account_id="x")
        identity = source.identify(connection)
        assert identity.provider_account_id == f"{city.fhir}/Patient/p1"
        assert identity.display_name.startswith("Ada Tester · ")
        everything = dict.fromkeys(source.info.object_types)
        pages = [page for page in source.fetch(connection, everything) if isinstance(page, Page)]
        found = {one["id"]: one for page in pages for one in page.objects}
        assert len(found) == 2 + len(history)
        assert ENCOUNTERS["r4"].items() <= found["e1"].items()
        city.do("delete", patient="p1", type="Observation", id="o7")
        pages = [page for page in source.fetch(connection, {132: None}) if isinstance(page, Page)]
        assert {one["id"] for page in pages for one in page.objects} == {one["id"] for one in history} - {"o7"}
        assert pages[-1].covered is not None
