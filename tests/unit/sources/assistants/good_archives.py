"""Good archives for tests/contract/test_sources.py."""

import json

from tests.archives import conversations, zipped


def claude_conversations(number: int = 30) -> bytes:
    """An export of Claude with so many conversations of one message."""
    listed = [
        {
            "uuid": f"c{one}",
            "name": "Bread",
            "account": {"uuid": "6d1f3b62-0c1e-4a51-9b3e-1f7c2a9d8e55"},
            "chat_messages": [
                {"uuid": f"m{one}", "sender": "human", "text": "Hi", "created_at": f"2026-02-0{1 + one % 9}T10:00:00Z"}
            ],
        }
        for one in range(number)
    ]
    return zipped({"conversations.json": json.dumps(listed).encode()})


GOOD_ARCHIVES = {9005: conversations, 9006: claude_conversations}
