"""Sample data: the address book of an invented person. Its contacts were last changed in the weeks before the day."""

import io
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta

from privateshare.sources.archive import UploadedFile

PEOPLE = (
    ("Jo", "Winter", "jo@example.org", "+31 20 555 0101", "Family"),
    ("Mira", "Okafor", "mira@example.net", "+31 20 555 0102", "Choir"),
    ("René", "Dubois", "rene@example.com", "+33 1 55 50 01 03", "Work"),
    ("Sara", "Lindqvist", "sara@example.org", "+46 8 555 0104", "Work"),
    ("Tom", "Bakker", "tom@example.net", "+31 20 555 0105", "Choir"),
    ("Leila", "Haddad", "leila@example.com", "+961 1 555 106", "Family"),
)


def sample_files(now: datetime) -> Sequence[UploadedFile]:
    """Return the files of the sample."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    cards = [_card(number, midnight - timedelta(days=1 + 7 * number)) for number in range(len(PEOPLE))]
    data = "\r\n".join([*cards, ""]).encode()
    return [UploadedFile("Contacts.vcf", lambda: nullcontext(io.BytesIO(data)), len(data))]


def _card(number: int, changed: datetime) -> str:
    first, last, email, phone, group = PEOPLE[number]
    return "\r\n".join(
        (
            "BEGIN:VCARD",
            "VERSION:3.0",
            f"UID:contact-{number}@example.org",
            f"N:{last};{first};;;",
            f"FN:{first} {last}",
            f"EMAIL;TYPE=HOME:{email}",
            f"TEL;TYPE=CELL:{phone}",
            f"CATEGORIES:{group}",
            f"BDAY:19{60 + 5 * number}-0{1 + number}-1{number}",
            f"REV:{changed:%Y%m%dT%H%M%SZ}",
            "END:VCARD",
        )
    )
