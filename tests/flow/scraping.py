"""What a monitoring system reads of a platform."""

import httpx2

TOKEN = "a token of the operator"


def scraped(origin: str) -> str:
    answer = httpx2.get(f"{origin}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.text
