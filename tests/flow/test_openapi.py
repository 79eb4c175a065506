"""The API as its description tells it: thousands of made-up calls, signed as the platform wants them.

No answer is a server error, none differs from its schema, and none holds anything of another person.
"""

import json
import re
import time
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from playwright.async_api import Browser, expect
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from privateshare.platform.app import create_app
from privateshare.platform.runtime import Platform
from tests.flow.browsing import visiting
from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.routes import PAGES, repeats_newer, routes_of
from tests.flow.served import Served
from tests.flow.sessions import wait_until_over
from tests.flow.wire import Tokens, Wire, ps512
from tests.patience import GIVE_UP_SECONDS

CHECKS = (not_a_server_error, response_schema_conformance, status_code_conformance, content_type_conformance)
QUICK, THOROUGH = 4, 100  # cases for each operation
UNSAFE = {"v1_7_delete_person"}  # This call would erase the person that the other calls need.


@pytest.fixture(scope="module")
async def caller(people: People) -> tuple[Wire, Tokens, str]:
    """Provide a contract that may do most things, a person who agreed, and a session of theirs."""
    wire = await people.contract(legacy=True)
    tokens, session = await people.user(wire, sources=(SPOTIFY, FHIR_FILE))
    wait_until_over(wire, tokens, session)
    return wire, tokens, session


@pytest.fixture(scope="module")
async def stranger(people: People) -> list[str]:
    """Provide ids of another partner's person with data, which no response may contain."""
    wire = await people.contract()
    tokens, session = await people.user(wire)
    wait_until_over(wire, tokens, session)
    accounts = wire.get("permission-access/accounts", access_token=tokens.access).json()
    return [
        tokens.claims["sub"],
        tokens.claims["consentid"],
        accounts[0]["id"],
        accounts[0]["reference"],
        wire.contract_id,
    ]


@pytest.fixture(scope="module")
def described(served: Served) -> Any:
    return schemathesis.openapi.from_url(f"{served.origin}/openapi.json")


def authorization(path: str, caller: tuple[Wire, Tokens, str]) -> str:
    """Return the JWT that a call needs."""
    wire, tokens, _ = caller
    if not path.startswith("/cloud/"):
        return wire.jwt(access_token=tokens.access)
    now = int(time.time())
    claims = {"sub": wire.application_id, "iss": wire.contract_id, "aud": "cloud", "iat": now, "exp": now + 60}
    return ps512({"typ": "at+jwt", "alg": "PS512"}, claims, wire.key)


def known(case: Any, caller: tuple[Wire, Tokens, str], use_known: bool) -> None:
    """Puts ids that exist where made-up ones would only ever give 404."""
    wire, _, session = caller
    if not use_known or not isinstance(case.path_parameters, dict):
        return
    values = {"session_key": session, "contract_id": wire.contract_id, "application_id": wire.application_id}
    case.path_parameters.update({name: values[name] for name in case.path_parameters if name in values})


def make_calls(described: Any, caller: tuple[Wire, Tokens, str], stranger: list[str], examples: int) -> int:
    """Calls every operation so often; the number of calls."""
    made = 0
    for found in described.get_all_operations():
        operation = found.ok()
        if operation.definition.raw.get("operationId") in UNSAFE:
            continue

        @given(case=operation.as_strategy(), use_known=st.booleans())
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def call(case: Any, use_known: bool) -> None:
            nonlocal made
            made += 1
            known(case, caller, use_known)
            response = case.call(headers={"Authorization": f"Bearer {authorization(case.path, caller)}"})
            case.validate_response(response, checks=list(CHECKS))
            assert not any(secret in response.text for secret in stranger)

        call()
    return made


@pytest.mark.protocol("13")
def test_generated_calls_match_the_description(
    described: Any, caller: tuple[Wire, Tokens, str], stranger: list[str]
) -> None:
    """This test makes a few calls of every operation, and `make test-slow` thousands."""
    assert make_calls(described, caller, stranger, QUICK) > 100


@pytest.mark.protocol("13")
@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_thousands_of_generated_calls_match_the_description(
    described: Any, caller: tuple[Wire, Tokens, str], stranger: list[str]
) -> None:
    """It makes at least 2,000 calls."""
    assert make_calls(described, caller, stranger, THOROUGH) >= 2000


UNDESCRIBED = {
    "GET /",
    "HEAD /",
    "GET /openapi.json",
    "HEAD /openapi.json",
    "GET /docs",
    "GET /docs/{name}",
    "GET /metrics",
    "GET /metrics/processes",
    "GET /.well-known/security.txt",
}
UNSIGNED = {
    "GET /healthz",
    "GET /readyz",
    "GET /.well-known/privateshare-log",
    "GET /v1.7/jwks/oauth",
    "GET /v1.7/discovery/services",
    "GET /v1.7/permission-access/contract/{contract_id}/{application_id}",
    "POST /v1.7/tracking/sdk",
    "POST /v1.7/permission-access/session",
    "POST /v1.6/permission-access/session",
    "GET /v1.6/permission-access/query/{session_key}",
    "GET /v1.6/permission-access/query/{session_key}/{file_name}",
}
WITHOUT_BODY = {"204", "304"}


@pytest.fixture(scope="module")
def document(served: Served) -> dict[str, Any]:
    httpx2.post(f"{served.origin}/v1.7/permission-access/session", json={})  # Its body may be missing.
    answer = httpx2.get(f"{served.origin}/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    assert found["openapi"] == "3.1.0"
    assert "UnsupportedFieldAttributeWarning" not in served.log.read_text()
    return found


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the operations of a document by method and path."""
    return {
        f"{method.upper()} {path}": operation
        for path, found in document["paths"].items()
        for method, operation in found.items()
    }


def test_every_route_is_described(document: dict[str, Any], platform: Platform) -> None:
    """Every route is described, or is a page or an older version of a described call."""
    routes = routes_of(create_app(platform))
    described_calls = set(operations(document))
    assert len(routes) > 60
    for route in routes:
        page = f"{route.path}/".startswith((f"{PAGES}/", "/me/"))
        assert page or route.call in described_calls | UNDESCRIBED or repeats_newer(route, routes), route.call
    assert described_calls <= {route.call for route in routes}


def test_everything_about_a_call_is_described(document: dict[str, Any]) -> None:
    """Every parameter, body, response, header and error has a description, and each call says if it is signed."""
    assert {call for call, operation in operations(document).items() if "security" not in operation} == UNSIGNED
    for call, operation in operations(document).items():
        assert operation["description"], call
        assert "422" not in operation["responses"], call
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (call, parameter["name"])
            assert parameter["schema"], (call, parameter["name"])
        placed = set(re.findall(r"{(\w+)}", call))
        told = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"}
        assert placed == told, call
        for status, answer in operation["responses"].items():
            assert answer["description"], (call, status)
            assert "X-Request-Id" in answer["headers"], (call, status)
            empty = status in WITHOUT_BODY or call.startswith("HEAD ")
            assert bool(answer.get("content")) is not (empty and status != "default"), (call, status)
        assert {"X-Error-Code", "X-Error-Message", "X-Error-Reference"} <= set(
            operation["responses"]["default"]["headers"]
        )
        if call.startswith("POST ") and call not in WITHOUT_REQUEST_BODY:
            assert operation["requestBody"]["content"], call
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document)):
        found: Any = document
        for part in reference.split("/"):
            found = found[part]
        assert found["description"], reference


WITHOUT_REQUEST_BODY = {  # These calls need nothing but the JWT.
    "POST /v1.7/oauth/token",
    "POST /v1.7/storage",
    "POST /v1.7/permission-access/consents/{consent_id}/deletion",
}


@pytest.mark.protocol("6.3", "6.7", "13")
async def test_responses_have_the_described_headers(document: dict[str, Any], caller: tuple[Wire, Tokens, str]) -> None:
    """The test covers a file, a list and an error."""
    wire, tokens, session = caller
    query = "permission-access/query/{session_key}"
    listed = wire.get(query.format(session_key=session), access_token=tokens.access)
    name = listed.json()["fileList"][0]["name"]
    file = wire.get(f"{query}/{name}".format(session_key=session), access_token=tokens.access)
    refused = wire.get(f"{query}/x".format(session_key=session), access_token=tokens.access)
    for answer, call, status in (
        (listed, f"GET /v1.7/{query}", "200"),
        (file, f"GET /v1.7/{query}/{{file_name}}", "200"),
        (refused, f"GET /v1.7/{query}/{{file_name}}", "default"),
    ):
        told = set(operations(document)[call]["responses"][status]["headers"]) - {"Retry-After"}
        assert {header for header in told if header.lower() not in answer.headers} == set()


FILES_OF_THE_PAGE = ("icon.svg", "swagger-ui-bundle.js", "swagger-ui.css", "viewer.css", "viewer.js")


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), pytest.param(1280, "light", marks=pytest.mark.slow)])
async def test_people_can_read_the_description(
    served: Served, browser: Browser, document: dict[str, Any], width: int, scheme: str
) -> None:
    """Every call can be read in light and dark mode and on a phone, within the page's policy."""
    async with visiting(browser, viewport={"width": width, "height": 740}, color_scheme=scheme) as page:
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        await page.goto(f"{served.origin}/docs")
        await expect(page.locator(".opblock")).to_have_count(len(operations(document)), timeout=GIVE_UP_SECONDS * 1000)
        await page.locator("#operations-oauth-v1_7_preauthorize .opblock-summary-control").click()
        await expect(page.get_by_text("code_challenge_method")).to_be_visible()
        await expect(page.get_by_text("Try it out")).to_have_count(0)
        assert await page.evaluate("document.documentElement.scrollWidth") == width
        assert await page.evaluate("document.documentElement.classList.contains('dark-mode')") is (scheme == "dark")
        assert {url.split("/")[2] for url in requests if not url.startswith("data:")} == {
            urlsplit(served.origin).netloc
        }


def test_the_description_page_loads_only_own_files(served: Served) -> None:
    """Its policy allows only this platform's files and nothing inline, and the files are cached."""
    page = httpx2.get(f"{served.origin}/docs")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "://" not in page.text
    named = re.findall(r"docs/([^?\"]+)\?(\w+)", page.text)
    assert sorted(name for name, _ in named) == list(FILES_OF_THE_PAGE)
    for name, _ in named:
        plain = httpx2.get(f"{served.origin}/docs/{name}", headers={"accept-encoding": "identity"})
        packed = httpx2.get(f"{served.origin}/docs/{name}", headers={"accept-encoding": "gzip"})
        assert plain.status_code == packed.status_code == 200
        assert plain.content == packed.content
        assert packed.headers["content-encoding"] == "gzip"
        assert "immutable" in plain.headers["cache-control"]
    for missing in ("page.html", "LICENSE", "..%2fopenapi.py", "%2e%2e/__init__.py"):
        assert httpx2.get(f"{served.origin}/docs/{missing}").status_code == 404
