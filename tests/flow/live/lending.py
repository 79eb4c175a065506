"""A person with a record at a hospital, who signs in there in a browser without JavaScript and lends it to an app."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx2
from examples.walking import Browser, Page

from tests.flow.consenting import Asking, accounts, ask, opened, page_of, refer
from tests.flow.sessions import triggered, wait_until_over
from tests.flow.wire import REDIRECT_URI, Tokens, Wire, query_of
from tests.hospital.running import Hospital

PUSH = "permission-access/import/h:accountId/fhir/stu3"
HOSPITAL = 9100
NAME = "City Hospital"
OBSERVATIONS = 25  # These are three pages.
OBSERVATION = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
    "effectiveDateTime": "2026-11-01T10:00:00Z",
    "valueQuantity": {"value": 61.50, "unit": "/min"},
}

NETWORKS = count(1)


def from_another_network() -> httpx2.Client:
    """Return a client of a network of its own, whose few tries to reach servers in a minute no other test uses up."""
    return httpx2.Client(transport=httpx2.HTTPTransport(local_address=f"127.63.{next(NETWORKS) % 250}.1"))


def fhir_servers(city: Hospital) -> str:
    """Return what PRIVATESHARE_FHIR_SERVERS says where the hospital is a source."""
    kinds = ["Patient", "Condition", "Observation", "Immunization"]
    return json.dumps([city.settings(HOSPITAL, NAME, push=True, resource_types=kinds)])


def observation(number: int) -> dict[str, Any]:
    day = f"2026-{1 + number % 10:02}-{1 + number % 28:02}T08:00:00Z"
    return OBSERVATION | {"id": f"o{number}", "effectiveDateTime": day}


def patient(id_: str, given: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id_, "name": [{"given": [given], "family": "Tester"}]}


def way_there(browser: Browser) -> str:
    """Go from the connect page to the hospital's address on the page in between."""
    assert page_of(browser) == "connect"
    browser.submit("continue")
    assert browser.page is not None
    return browser.page.links[f"Go to {NAME}"]


def way_back(there: str, answer: str = "continue") -> str:
    """Sign in at the hospital, and return the address that leads back."""
    elsewhere = opened(there)
    assert elsewhere.left_to is not None  # The hospital's single sign-on is on another host.
    elsewhere = opened(elsewhere.left_to)
    elsewhere.submit(answer)
    assert elsewhere.left_to is not None
    return elsewhere.left_to


def sign_in(browser: Browser, answer: str = "continue") -> None:
    """Go from the connect page to the hospital, sign in, and return."""
    browser.open(way_back(way_there(browser), answer))


def shown(browser: Browser) -> Page:
    """Return the page that a browser is on."""
    assert browser.page is not None, browser.left_to
    return browser.page


@dataclass
class Patient:
    """A person who signed in at the hospital and shares it with an app."""

    wire: Wire
    tokens: Tokens
    account: dict[str, Any]

    def state(self) -> dict[str, Any]:
        """Return the final state of a new session of the app for the account."""
        listed = wait_until_over(self.wire, self.tokens, triggered(self.wire, self.tokens))
        told: dict[str, Any] = listed["status"]["details"][self.account["id"]]
        return told

    def push(self, resource: Any, **options: Any) -> httpx2.Response:
        """Pushes a resource to the hospital."""
        headers = {"accountId": self.account["id"]} | options.pop("headers", {})
        path = options.pop("path", PUSH)
        return self.wire.post(path, access_token=self.tokens.access, body=resource, headers=headers, **options)


def at_hospital(asking: Asking, http: httpx2.Client | None = None) -> Browser:
    """Return a browser on the page that connects the hospital."""
    browser = opened(asking.url, http=http)
    shown(browser).choose("source-id", str(HOSPITAL))
    browser.submit("continue")
    return browser


def shared(wire: Wire, query: str = "", http: httpx2.Client | None = None, **claims: Any) -> Patient:
    """Return a person who shares the hospital's record with an app, or lets it push there. `http` is their browser."""
    asking = ask(wire, query, **claims)
    browser = at_hospital(asking, http)
    sign_in(browser)
    assert page_of(browser) == "consent", shown(browser).html
    assert NAME in shown(browser).html
    assert "Ada Tester" in shown(browser).html
    browser.submit("continue")
    assert browser.left_to is not None
    tokens = asking.tokens(browser.left_to)
    (account,) = accounts(wire, tokens.access)
    return Patient(wire, tokens, account)


def again(patient_: Patient) -> Browser:
    """Return a browser on the page that connects the account again. Protocol 7.3."""
    handle = patient_.wire.post("reference", body={"type": "accountId", "value": patient_.account["id"]}).json()["id"]
    return opened(refer(patient_.wire, "reauthorize", patient_.tokens.access, f"&accountRef={handle}").url)


def withdrawn(person: Patient) -> dict[str, str]:
    """Withdraw access to the hospital, and return what the app is told. Protocol 7.4."""
    headers = {"accountId": person.account["id"], "redirectUri": REDIRECT_URI}
    answer = person.wire.get("permission-access/revoke/h:accountId", access_token=person.tokens.access, headers=headers)
    browser = opened(answer.json()["location"])
    browser.submit("continue")
    return query_of(str(browser.left_to))


def kept(city: Hospital) -> list[dict[str, Any]]:
    """Return the observations on record."""
    found: list[dict[str, Any]] = city.do("kept", patient="p1", type="Observation")
    return found


@contextmanager
def held(city: Hospital, what: str) -> Iterator[None]:
    """Hold back the hospital's "answers" or "tokens" in this context."""
    city.do("set", **{f"holds_{what}": True})
    try:
        yield
    finally:
        city.do("set", **{f"holds_{what}": False})
