"""Protocol 13: too many calls, and SDKs that the operator has blocked."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from privateshare.platform.settings import Settings
from privateshare.platform.startup import operator_platform
from tests.flow.people import People
from tests.flow.served import serving
from tests.flow.wire import Wire, check_error, verifier


@pytest.fixture(scope="module")
async def wires(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Wire, Wire]]:
    """Two contracts on a strict platform."""
    folder: Path = tmp_path_factory.mktemp("strict") / "data"
    environment = {
        "PRIVATESHARE_SIGNED_CALLS_PER_MINUTE": "20",
        "PRIVATESHARE_UNSIGNED_CALLS_PER_MINUTE": "20",
        "PRIVATESHARE_BLOCKED_SDKS": '["old", "js<16.0"]',
    }
    with serving(folder, environment=environment) as served:
        async with operator_platform(Settings(data=folder, database_pool_size=2)) as platform:
            people = People(platform, served.origin)
            yield await people.contract(), await people.contract()


def test_blocked_sdks_are_refused(wires: tuple[Wire, Wire]):
    """Protocol 13: by name 400, by version 403, flat or nested; others pass."""
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


def test_a_contract_that_calls_too_often_waits(wires: tuple[Wire, Wire]):
    """Protocol 13: 429 with Retry-After; it is the contract that is counted, and no other waits for it."""
    wire, other = wires
    path = "permission-access/sample/datasets/16"
    answers = [wire.get(path) for _ in range(25)]
    assert [answer.status_code for answer in answers[:20]] == [200] * 20
    check_error(answers[-1], 429, "TooManyRequests")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert other.get(path).status_code == 200


def test_others_cannot_use_up_a_contracts_calls(wires: tuple[Wire, Wire]):
    """A call whose signature does not hold is not counted to the contract that it names."""
    wire, other = wires
    for _ in range(30):
        forged = wire.get("permission-access/sample/datasets/16", jwt=wire.jwt(client_id=other.client_id, key=wire.key))
        assert forged.status_code == 400
    assert other.get("permission-access/sample/datasets/16").status_code == 200


def test_unsigned_calls_are_counted_by_address(wires: tuple[Wire, Wire]):
    """Discovery, key sets, consent pages."""
    wire, _ = wires
    answers = [wire.http.get(wire.url("jwks/oauth")) for _ in range(25)]
    check_error(answers[-1], 429, "TooManyRequests")
    page = wire.http.get(f"{wire.origin}/apps/saas/authorize?code=x")
    assert page.status_code == 429
    assert "<html" in page.text
