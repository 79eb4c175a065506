"""Tests of what the log tells an operator: who sent each request, who was limited, and what an operator changed."""

import json
import os
from collections.abc import AsyncIterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from tests.flow.command_line import run_command
from tests.flow.databases import copied_postgres
from tests.flow.limited import until_refused
from tests.flow.people import People
from tests.flow.served import Served, serving
from tests.flow.sessions import QUERY
from tests.flow.storage_calls import cloud
from tests.flow.wire import verifier
from tests.patience import wait_for

UNSIGNED_PER_MINUTE, SIGNED_PER_MINUTE = 30, 40


@pytest.fixture(scope="module")
async def logged(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Served, People]]:
    """Provide a platform that logs in JSON, behind a proxy that it trusts."""
    data = tmp_path_factory.mktemp("logged") / "data"
    environment = {
        "PRIVATESHARE_LOG_FORMAT": "json",
        "PRIVATESHARE_TRUSTED_PROXIES": "127.0.0.1",
        "PRIVATESHARE_UNSIGNED_CALLS_PER_MINUTE": str(UNSIGNED_PER_MINUTE),
        "PRIVATESHARE_SIGNED_CALLS_PER_MINUTE": str(SIGNED_PER_MINUTE),
    }
    with serving(data, environment=environment) as served:
        async with operator_platform(Settings(data=data, database_pool_size=2)) as platform:
            yield served, People(platform, served.origin)


def lines(served: Served, **wanted: object) -> list[dict[str, Any]]:
    """Return the lines of the log with these fields."""
    found = [json.loads(line) for line in served.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in found if wanted.items() <= line.items()]


def line_of(served: Served, answer: httpx2.Response) -> dict[str, Any]:
    """Return the line of a request by the id in its response. It is written once the response is complete."""
    id_ = answer.headers["x-request-id"]
    wait_for(lambda: bool(lines(served, event="call", request_id=id_)))
    (line,) = lines(served, event="call", request_id=id_)
    return line


@pytest.mark.protocol("1")
async def test_each_call_has_one_line_that_says_who(logged: tuple[Served, People]) -> None:
    """Signed calls name contract and application; the route is a pattern, and the address a network."""
    served, people = logged
    wire = await people.contract()
    tokens, session = await people.user(wire)
    headers = {"X-Forwarded-For": "203.0.113.77"}
    answer = wire.get(f"{QUERY}/{session}/accounts.json", access_token=tokens.access, headers=headers)
    line = line_of(served, answer)
    assert (line["contract"], line["application"]) == (wire.contract_id, wire.application_id)
    assert (line["method"], line["status"]) == ("GET", 200)
    assert line["route"] == "/v1.7/permission-access/query/{session_key}/{file_name}"
    assert line["address"] == "203.0.113.0/24"
    assert line["milliseconds"] >= 0
    storage = str(wire.post("storage").json()["id"])
    stored = line_of(served, cloud(wire, "GET", storage, "/nothing"))
    assert (stored["contract"], stored["status"]) == (wire.contract_id, 404)
    begun = wire.authorize(verifier())
    link = f"{served.origin}/apps/saas/authorize?code={wire.signed(begun)['preauthorization_code']}"
    with httpx2.Client(follow_redirects=True) as browser:
        page = line_of(served, browser.get(link))
    assert page["contract"] == wire.contract_id
    whole = served.log.read_text()
    for secret in (session, tokens.access, tokens.refresh, tokens.claims["sub"], "203.0.113.77"):
        assert secret not in whole


@pytest.mark.protocol("13")
async def test_a_forged_call_names_no_contract(logged: tuple[Served, People]) -> None:
    """Only a contract whose signature holds is in the line."""
    served, people = logged
    wire, other = await people.contract(), await people.contract()
    forged = wire.get("permission-access/accounts", jwt=wire.jwt(client_id=other.client_id, key=wire.key))
    line = line_of(served, forged)
    assert line["status"] == 400
    assert "contract" not in line
    missing = line_of(served, httpx2.get(f"{served.origin}/no/such/{other.contract_id}"))
    assert (missing["status"], missing["route"]) == (404, "other")


@pytest.mark.protocol("13")
async def test_who_was_limited_is_named(logged: tuple[Served, People]) -> None:
    """A contract by its id, and an address as the log shows it; the app learns nothing of it."""
    served, people = logged
    wire = await people.contract()
    *_, signed = until_refused(lambda: wire.get("permission-access/sample/datasets/16"), SIGNED_PER_MINUTE)
    assert line_of(served, signed)["contract"] == wire.contract_id
    headers = {"X-Forwarded-For": "2001:db8:1:2::77"}
    with httpx2.Client(headers=headers) as http:
        *_, unsigned = until_refused(lambda: http.get(f"{served.origin}/v1.7/jwks/oauth"), UNSIGNED_PER_MINUTE)
    for answer, who in ((signed, f"contract {wire.contract_id}"), (unsigned, "address 2001:db8:1::/48")):
        (told,) = lines(served, event="refused", request_id=answer.headers["x-request-id"])
        assert told["detail"].startswith(f"limited: {who}, more than")
        assert who.split()[1] not in answer.text


@pytest.mark.parametrize(("form", "shown"), [("none", None), ("full", "203.0.113.77")])
def test_the_setting_decides_how_addresses_are_logged(tmp_path: Path, form: str, shown: str | None) -> None:
    """They may be whole, or not there at all."""
    environment = {
        "PRIVATESHARE_LOG_FORMAT": "json",
        "PRIVATESHARE_LOG_ADDRESSES": form,
        "PRIVATESHARE_TRUSTED_PROXIES": "127.0.0.1",
    }
    with serving(tmp_path / "data", environment=environment) as served:
        answer = httpx2.get(f"{served.origin}/v1.7/jwks/oauth", headers={"X-Forwarded-For": "203.0.113.77"})
        assert line_of(served, answer).get("address") == shown


# --- limits across processes ---


@pytest.mark.protocol("13")
async def test_two_processes_share_a_limit(tmp_path: Path, short_path: Path) -> None:
    """What one has counted counts at the other, for contracts and for addresses."""
    async with copied_postgres(short_path / "postgres") as url:
        environment: Mapping[str, str] = {
            "DATABASE_URL": url,
            "BLOB_URL": (tmp_path / "blobs").as_uri(),
            "PRIVATESHARE_MASTER_KEY": "A" * 43 + "=",
            "PRIVATESHARE_SIGNED_CALLS_PER_MINUTE": "20",
            "PRIVATESHARE_UNSIGNED_CALLS_PER_MINUTE": "20",
            "PRIVATESHARE_WORKERS": "0",
        }
        with (
            serving(tmp_path / "one", environment=environment) as one,
            serving(tmp_path / "two", environment=environment) as two,
        ):
            addresses = [f"{one.origin}/v1.7/jwks/oauth", f"{two.origin}/v1.7/jwks/oauth"]
            numbers = count()
            answers = until_refused(lambda: httpx2.get(addresses[next(numbers) % 2]), 20)
            assert 20 < len(answers) < 30  # If each counted for itself, it would be 40.
        async with await psycopg.AsyncConnection.connect(url) as connection:
            callers = await (await connection.execute("SELECT caller, number FROM call_counts")).fetchall()
        # A process learns of the others' requests by counting one of its own, which it then refuses.
        assert 20 <= sum(number for _, number in callers) <= len(answers)
        assert not any(b"127.0.0.1" in caller for caller, _ in callers)


# --- operators' commands ---


async def test_a_command_that_changes_something_leaves_a_line(logged: tuple[Served, People]) -> None:
    """It says what was done, to what, and by whom. Commands that only show something leave none."""
    served, people = logged
    wire = await people.contract()
    tokens, _ = await people.user(wire, sources=())
    user = tokens.claims["sub"]
    environment = {**os.environ, "PRIVATESHARE_LOG_FORMAT": "json"}

    def record(*words: str) -> list[dict[str, Any]]:
        done = run_command(*words, "--data", served.data, environment=environment)
        assert done.returncode == 0, done.stderr
        found = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
        return [line for line in found if line["event"] == "operator's command"]

    assert record("contract", "list") == []
    assert record("person", "consents", user) == []
    (made,) = record("app", "create", "New")
    assert made["action"] == "app create"
    assert made["application_id"]
    assert made["user"]
    (withdrawn,) = record("person", "withdraw", tokens.claims["consentid"], "--yes")
    assert (withdrawn["action"], withdrawn["consent_id"]) == ("person withdraw", tokens.claims["consentid"])
    (ended,) = record("contract", "end", wire.contract_id, "--yes")
    assert (ended["action"], ended["contract_id"]) == ("contract end", wire.contract_id)
    (code,) = record("person", "recovery-code", user, "--yes")
    assert code["action"] == "person recovery-code"
    assert "recovery_code" not in code
    (erased,) = record("person", "erase", user, "--yes")
    assert (erased["action"], erased["erased"]) == ("person erase", user)
    (rotated,) = record("keys", "rotate")
    assert rotated["kid"]
