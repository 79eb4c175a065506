"""Sample data: the mail of an invented person, whose last day is yesterday. A day's mail never changes."""

import io
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from email.utils import format_datetime
from random import Random

from privateshare.sources.archive import UploadedFile

DAYS = 365
DAYS_BETWEEN = 3
PEOPLE = ("Jo Winter <jo@example.org>", "Mira Okafor <mira@example.net>", "=?utf-8?q?Ren=C3=A9?= <rene@example.com>")
SUBJECTS = ("Sunday", "The key of the shed", "Photos from the lake", "Minutes of our meeting", "Tickets")
TEXTS = ("Shall we meet at ten?", "Thank you, that helped.", "I put the list below.\n\n- bread\n- apples", "See you!")


def sample_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    mails = [
        _mail(midnight - timedelta(days=back))
        for back in range(DAYS, 0, -1)
        if (midnight - timedelta(days=back)).toordinal() % DAYS_BETWEEN == 0 or back == 1
    ]
    data = "\n".join(mails).encode()
    return [UploadedFile("Mail/Inbox.mbox", lambda: nullcontext(io.BytesIO(data)), len(data))]


def _mail(day: datetime) -> str:
    chance = Random(f"mail {day:%Y%m%d}")  # noqa: S311 - Sample data must be reproducible.
    sent = day + timedelta(seconds=chance.randint(7 * 3600, 80_000))
    sender, subject = chance.choice(PEOPLE), chance.choice(SUBJECTS)
    return "\n".join(
        (
            f"From {day:%Y%m%d}@xxx {sent:%a %b %d %H:%M:%S} +0000 {sent:%Y}",
            "X-Gmail-Labels: Inbox" + (",Opened" if chance.random() < 0.7 else ""),
            f"Message-ID: <{day:%Y%m%d}.{chance.randint(1000, 9999)}@example.org>",
            f"Date: {format_datetime(sent)}",
            f"From: {sender}",
            "To: Ada Example <ada@example.org>",
            f"Subject: {subject}",
            "Content-Type: text/plain; charset=utf-8",
            "",
            f"{chance.choice(TEXTS)}\n",
        )
    )
