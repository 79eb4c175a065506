"""A good archive for tests/contract/test_sources.py."""

from tests.archives import zipped


def address_book(contacts: int) -> bytes:
    """An address book with so many contacts, or if they are more than a thousand, with pictures."""
    picture = "PHOTO;ENCODING=b:" + "A" * 60 * (contacts // 16) + "\r\n" if contacts > 1000 else ""
    listed = (
        f"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{number}\r\nFN:Ann {number}\r\nEMAIL:ann{number}@example.org\r\n"
        f"{picture}END:VCARD\r\n"
        for number in range(min(contacts, 40))
    )
    return zipped({"Contacts/All.vcf": "".join(listed).encode()})


GOOD_ARCHIVES = {9012: address_book}
FOREIGN = "holds no contacts"
