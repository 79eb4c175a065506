"""The API as its description tells it: thousands of made-up calls, signed as the platform wants them.

No answer is a server error, none differs from its schema, and none holds anything of another person.
"""

import time
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.flow.people import FHIR_FILE, SPOTIFY, People
from tests.flow.served import Served
from tests.flow.test_wire_sessions import wait_until_over
from tests.flow.wire import Tokens, Wire, ps512

CHECKS = (not_a_server_error, response_schema_conformance, status_code_conformance, content_type_conformance)
QUICK, THOROUGH = 6, 100  # cases for each operation
UNSAFE = {"v1_7_delete_user"}  # it would end the person that the other calls are made for


@pytest.fixture(scope="module")
async def caller(people: People) -> tuple[Wire, Tokens, str]:
    """A contract that may do most things, a person who agreed, and a session of theirs."""
    wire = await people.contract(legacy=True)
    tokens, session = await people.user(wire, sources=(SPOTIFY, FHIR_FILE))
    wait_until_over(wire, tokens, session)
    return wire, tokens, session


@pytest.fixture(scope="module")
async def stranger(people: People) -> list[str]:
    """What must never be seen: ids of another person of another partner, with data of their own."""
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
    """The JWT that a call needs."""
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


def test_made_up_calls_are_answered_as_described(described: Any, caller: tuple[Wire, Tokens, str], stranger: list[str]):
    """Protocol 13: a few of every operation; `make test-slow` makes thousands."""
    assert make_calls(described, caller, stranger, QUICK) > 100


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_thousands_of_calls_are_answered_as_described(
    described: Any, caller: tuple[Wire, Tokens, str], stranger: list[str]
):
    """Protocol 13: at least 2,000."""
    assert make_calls(described, caller, stranger, THOROUGH) >= 2000


def test_the_description_is_complete(described: Any, served: Served):
    """Every operation says what it is for, how it is refused, and whether it must be signed."""
    import httpx2

    document = httpx2.get(f"{served.origin}/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], (path, method)
            assert "default" in operation["responses"], (path, method)
            assert "422" not in operation["responses"], (path, method)
    unsigned = {
        path for path, operations in document["paths"].items() for op in operations.values() if "security" not in op
    }
    assert unsigned == {
        "/healthz",
        "/readyz",
        "/v1.7/jwks/oauth",
        "/v1.7/discovery/services",
        "/v1.7/permission-access/contract/{contract_id}/{application_id}",
        "/v1.6/permission-access/session",
        "/v1.6/permission-access/query/{session_key}",
        "/v1.6/permission-access/query/{session_key}/{file_name}",
    }


def test_people_can_read_the_description(served: Served):
    """One page without scripts or anything from elsewhere."""
    import httpx2

    page = httpx2.get(f"{served.origin}/docs")
    assert page.status_code == 200
    assert "<script" not in page.text
    assert "http" not in page.text.replace("httpx", "").split("<body>")[0]
    assert "/v1.7/oauth/authorize" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
