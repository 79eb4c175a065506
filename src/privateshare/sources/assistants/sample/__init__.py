"""Sample data: conversations of an invented person, whose last day is yesterday. Those of a day never change."""

import io
import json
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from random import Random
from typing import Any

from privateshare.sources.archive import UploadedFile

DAYS = 365
EVERY_DAYS = 4
QUESTIONS = (
    ("Bread", "How long should dough rest?", "At room temperature, one to two hours, until it has doubled."),
    ("Trains", "What is a good way from Utrecht to Vienna?", "Take the night train, which leaves in the evening."),
    ("Python", "How do I sort a list by a key?", "Use sorted with the argument key, such as a function."),
    ("Garden", "When do I plant garlic?", "In autumn, some weeks before the first frost."),
)


def chatgpt_sample(now: datetime) -> UploadedFile:
    """Return the file of the sample as ChatGPT exports it."""
    return _file([_chatgpt(moment, *chosen) for moment, chosen in _conversations(now)])


def claude_sample(now: datetime) -> UploadedFile:
    """Return the file of the sample as Claude exports it."""
    return _file([_claude(moment, *chosen) for moment, chosen in _conversations(now)])


def _conversations(now: datetime) -> Iterator[tuple[datetime, tuple[str, str, str]]]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for back in range(DAYS, 0, -1):
        day = midnight - timedelta(days=back)
        if day.toordinal() % EVERY_DAYS == 0 or back == 1:
            chance = Random(f"question {day:%Y%m%d}")  # noqa: S311 - Sample data must be reproducible.
            yield day + timedelta(seconds=chance.randint(7 * 3600, 80_000)), chance.choice(QUESTIONS)


def _file(content: list[dict[str, Any]]) -> UploadedFile:
    data = json.dumps(content).encode()
    return UploadedFile("conversations.json", lambda: nullcontext(io.BytesIO(data)), len(data))


def _chatgpt(moment: datetime, title: str, question: str, answer: str) -> dict[str, Any]:
    begun = moment.timestamp()
    nodes = {
        f"{begun:.0f}-{number}": {
            "message": {
                "id": f"{begun:.0f}-{number}",
                "author": {"role": role},
                "create_time": begun + 20 * number,
                "content": {"content_type": "text", "parts": [text]},
            }
        }
        for number, (role, text) in enumerate((("user", question), ("assistant", answer)))
    }
    return {"title": title, "create_time": begun, "conversation_id": f"sample-{begun:.0f}", "mapping": nodes}


def _claude(moment: datetime, title: str, question: str, answer: str) -> dict[str, Any]:
    own_id = f"sample-{moment:%Y%m%d}"
    messages = [
        {
            "uuid": f"{own_id}-{number}",
            "sender": sender,
            "text": text,
            "created_at": (moment + timedelta(seconds=20 * number)).isoformat(),
        }
        for number, (sender, text) in enumerate((("human", question), ("assistant", answer)))
    ]
    return {"uuid": own_id, "name": title, "created_at": moment.isoformat(), "chat_messages": messages}
