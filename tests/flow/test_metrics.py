"""Tests of metrics: numbers by route, status and outcome, without personal data, for the operator only."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform
from tests.flow.people import People
from tests.flow.scraping import TOKEN, scraped
from tests.flow.served import serving
from tests.flow.sessions import QUERY, wait_until_over
from tests.flow.wire import Wire, check_error
from tests.patience import wait_for


@pytest.fixture(scope="module")
async def watched(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[People]:
    """Provide a platform whose operator watches it."""
    folder: Path = tmp_path_factory.mktemp("watched") / "data"
    with serving(folder, environment={"PRIVATESHARE_METRICS_TOKEN": TOKEN}) as served:
        async with operator_platform(Settings(data=folder, database_pool_size=2)) as platform:
            yield People(platform, served.origin)


async def test_metrics_contain_counts_and_no_identities(watched: People) -> None:
    """Calls are counted by route and syncs by outcome. No label contains a key, id or name."""
    wire = await watched.contract()
    tokens, session = await watched.user(wire)
    listed = wait_until_over(wire, tokens, session)
    name = listed["fileList"][0]["name"]
    assert wire.get(f"{QUERY}/{session}/{name}", access_token=tokens.access).status_code == 200
    wire.get(f"{QUERY}/{'x' * 43}", access_token=tokens.access)
    wire.http.request("MADEUP", f"{wire.origin}/made/up")
    route = "/v1.7/permission-access/query/{session_key}"
    counted = [
        'privateshare_syncs_total{outcome="done",source="16"} 1.0',
        f'privateshare_calls_total{{method="GET",route="{route}/{{file_name}}",status="200"}} 1.0',
        f'privateshare_calls_total{{method="GET",route="{route}",status="404"}} 1.0',
        f'privateshare_call_seconds_count{{method="GET",route="{route}/{{file_name}}"}} 1.0',
        'route="other",status="404"',
    ]
    # A call is counted after its response is sent, and a sync after its end can be seen.
    wait_for(lambda: all(line in scraped(wire.origin) for line in counted))
    text = scraped(wire.origin)
    for queue in ("apps", "strangers", "people", "streams"):
        assert f'privateshare_waiting_calls{{queue="{queue}"}} 0.0' in text
        assert f'privateshare_refused_calls_total{{queue="{queue}"}} 0.0' in text
    for secret in (session, name, wire.contract_id, wire.application_id, tokens.claims["sub"], "made", "MADEUP"):
        assert secret not in text, secret


@pytest.mark.parametrize("sent", ["", "Bearer wrong", "Bearer", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}"])
async def test_metrics_need_the_operators_token(watched: People, sent: str) -> None:
    """Without the token the page does not exist."""
    answer = httpx2.get(f"{watched.origin}/metrics", headers={"Authorization": sent} if sent else {})
    check_error(answer, 404, "NotFound")


async def test_metrics_are_off_by_default(people: People) -> None:
    """Without a token in the settings the page does not exist."""
    wire: Wire = await people.contract()
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Bearer None"}):
        check_error(wire.http.get(f"{wire.origin}/metrics", headers=headers), 404, "NotFound")


async def test_the_metrics_of_each_process_need_the_token_too(watched: People) -> None:
    """They are on a page of their own."""
    address = f"{watched.origin}/metrics/processes"
    check_error(httpx2.get(address, headers={"Authorization": "Bearer wrong"}), 404, "NotFound")
    answer = httpx2.get(address, headers={"Authorization": f"Bearer {TOKEN}"})
    assert "privateshare_process_memory_bytes" in answer.text
