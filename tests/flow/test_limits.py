"""Tests of protocol 13: rate limits, size limits, and SDK versions that the operator has blocked."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest

from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from tests.flow.files import files_below
from tests.flow.limited import until_refused
from tests.flow.people import People
from tests.flow.pushing import IMPORT, descriptor
from tests.flow.served import serving
from tests.flow.storage_calls import cloud
from tests.flow.wire import REDIRECT_URI, Wire, check_error, verifier

LIMIT = 20


@pytest.fixture(scope="module")
async def strict(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[People]:
    """Provide a platform with low limits."""
    folder: Path = tmp_path_factory.mktemp("strict") / "data"
    environment = {
        "PRIVATESHARE_SIGNED_CALLS_PER_MINUTE": str(LIMIT),
        "PRIVATESHARE_UNSIGNED_CALLS_PER_MINUTE": str(LIMIT),
        "PRIVATESHARE_MAX_PUSH_BYTES": "100000",
        "PRIVATESHARE_BLOCKED_SDKS": '["old", "js<16.0"]',
    }
    with serving(folder, environment=environment) as served:
        async with operator_platform(Settings(data=folder, database_pool_size=2)) as platform:
            yield People(platform, served.origin)


@pytest.fixture(scope="module")
async def wires(strict: People) -> tuple[Wire, Wire]:
    """Provide two contracts on the strict platform."""
    return await strict.contract(), await strict.contract()


@pytest.mark.protocol("10.1", "11.3", "13")
async def test_files_that_are_too_large_are_rejected(strict: People) -> None:
    """The exact limit is accepted and one byte more rejected, with a Content-Length and in chunks."""
    writer = await strict.contract(kind="write")
    tokens, _ = await strict.user(writer, sources=())
    storage = str(writer.post("storage").json()["id"])
    blobs = strict.platform.settings.data / "blobs"
    for size, status in ((100_000, 200), (100_001, 413)):
        for chunked in (False, True):
            kept = files_below(blobs)
            pushed = writer.post(
                IMPORT, access_token=tokens.access, content=sent(size, chunked), headers=descriptor(writer)
            )
            stored = cloud(writer, "POST", storage, "/x", content=sent(size, chunked))
            assert (pushed.status_code, stored.status_code) == (status, 201 if status == 200 else 413)
            if status == 413:
                check_error(pushed, 413, "RequestTooLarge")
                assert stored.json()["error"] == "RequestTooLarge"
                assert files_below(blobs) <= kept


def sent(size: int, chunked: bool) -> Any:
    """Send this many bytes, in one piece or in chunks."""
    return (b"x" * min(1000, size - start) for start in range(0, size, 1000)) if chunked else b"x" * size


@pytest.mark.protocol("11.5", "13")
async def test_storage_calls_are_rate_limited(strict: People) -> None:
    """They count for the contract, and the error says when to retry."""
    wire = await strict.contract()
    storage = str(wire.post("storage").json()["id"])
    answers = until_refused(lambda: cloud(wire, "GET", storage, "/"), LIMIT)
    assert answers[0].status_code == 200
    assert answers[-1].json()["error"] == "TooManyRequests"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


@pytest.mark.protocol("4.4", "5.1", "13", "14 (f)")
async def test_a_blocked_sdk_is_rejected_in_every_call_that_begins_a_session(strict: People) -> None:
    """The SDK names itself in each of these calls."""
    wire = await strict.contract(legacy=True)
    tokens, _ = await strict.user(wire)
    agent = {"sdk": {"name": "old", "version": "1"}}
    trigger = wire.post("permission-access/trigger", access_token=tokens.access, body={"agent": agent})
    check_error(trigger, 400, "SDKInvalid")
    claims = {"access_token": tokens.access, "redirect_uri": REDIRECT_URI}
    check_error(wire.post("oauth/token/reference", body={"agent": agent}, **claims), 400, "SDKInvalid")
    body = {"appId": wire.application_id, "contractId": wire.contract_id, "sdkAgent": agent["sdk"]}
    check_error(wire.http.post(f"{wire.origin}/v1.6/permission-access/session", json=body), 400, "SDKInvalid")


@pytest.mark.protocol("13")
def test_blocked_sdks_are_rejected(wires: tuple[Wire, Wire]) -> None:
    """A blocked name gives 400 and a blocked version 403, in flat and nested form. Others are accepted."""
    _, wire = wires
    for agent, status, code in (
        ({"sdk": {"name": "old", "version": "1.0"}}, 400, "SDKInvalid"),
        ({"sdk": {"name": "JS", "version": "15.9.1"}}, 403, "SDKVersionInvalid"),
        ({"name": "js", "version": "1"}, 403, "SDKVersionInvalid"),
        ({"name": "js", "version": "nonsense"}, 403, "SDKVersionInvalid"),
    ):
        check_error(wire.authorize(verifier(), body={"agent": agent}), status, code)
    for agent in ({"sdk": {"name": "js", "version": "16.1.5"}}, {"name": "ios", "version": "5"}, {}, {"sdk": "x"}):
        assert wire.authorize(verifier(), body={"agent": agent}).status_code == 201


@pytest.mark.protocol("13")
def test_calls_of_a_contract_are_rate_limited(wires: tuple[Wire, Wire]) -> None:
    """The response is 429 with Retry-After, and other contracts are not affected."""
    wire, other = wires
    path = "permission-access/sample/datasets/16"
    answers = until_refused(lambda: wire.get(path), LIMIT)
    assert [answer.status_code for answer in answers[:LIMIT]] == [200] * LIMIT
    check_error(answers[-1], 429, "TooManyRequests")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert other.get(path).status_code == 200


def test_others_cannot_use_up_a_contracts_calls(wires: tuple[Wire, Wire]) -> None:
    """A call with an invalid signature does not count for the contract that it names."""
    wire, other = wires
    for _ in range(30):
        forged = wire.get("permission-access/sample/datasets/16", jwt=wire.jwt(client_id=other.client_id, key=wire.key))
        assert forged.status_code == 400
    assert other.get("permission-access/sample/datasets/16").status_code == 200


@pytest.mark.protocol("13")
async def test_callers_behind_a_trusted_proxy_are_distinguished(tmp_path: Path) -> None:
    """Only the address that a trusted proxy reports counts, whatever the caller claims."""
    limit = {"PRIVATESHARE_UNSIGNED_CALLS_PER_MINUTE": "5"}
    for trusted, forwarded, is_other in (
        ('["127.0.0.1/32", "10.0.0.0/8"]', "{0}, 192.0.2.1, 10.0.0.7", True),
        ('["10.0.0.0/8"]', "192.0.2.{0}", False),
    ):
        environment = limit | {"PRIVATESHARE_TRUSTED_PROXIES": trusted}
        with serving(tmp_path / str(is_other), environment=environment) as served:
            numbers = count()

            def ask(address: str, url: str = f"{served.origin}/v1.7/jwks/oauth") -> httpx2.Response:
                return httpx2.get(url, headers={"X-Forwarded-For": address})

            answers = until_refused(lambda: ask(forwarded.format(next(numbers))), 5)  # noqa: B023 - it runs within this turn
            assert [answer.status_code for answer in answers[:5]] == [200] * 5
            # A minute that begins just now gives every caller a part of the limit again, but not all of it.
            others = until_refused(lambda: ask("192.0.2.2"), 5)
            assert (len(others) > 5) == is_other


def test_unsigned_calls_are_counted_by_address(wires: tuple[Wire, Wire]) -> None:
    """These are calls of discovery, key sets and consent pages."""
    wire, _ = wires
    answers = until_refused(lambda: wire.http.get(wire.url("jwks/oauth")), LIMIT)
    check_error(answers[-1], 429, "TooManyRequests")
    *_, page = until_refused(lambda: wire.http.get(f"{wire.origin}/apps/saas/authorize?code=x"), LIMIT)
    assert "<html" in page.text
