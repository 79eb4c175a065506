"""A good archive for tests/contract/test_sources.py."""

import json

from tests.archives import zipped


def chat(messages: int) -> bytes:
    """An exported chat with so many messages."""
    listed = [
        {"id": number, "type": "message", "date_unixtime": str(1_770_000_000 + number), "from": "Ann", "text": "Hi"}
        for number in range(messages)
    ]
    content = {"name": "Ann", "type": "personal_chat", "id": 7, "messages": listed}
    return zipped({"ChatExport_2026-01-01/result.json": json.dumps(content).encode()})


GOOD_ARCHIVES = {9034: chat}
FOREIGN = "holds no data of"
