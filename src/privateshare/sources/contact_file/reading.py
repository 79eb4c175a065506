"""A reader for the contacts in the files of an upload."""

import csv
from collections.abc import Iterator
from pathlib import PurePosixPath

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contact_file.building import ContactParts, contact_object
from privateshare.sources.contact_file.cards import NoCards, contacts_of_cards
from privateshare.sources.contact_file.tables import NoContacts, contacts_of_table
from privateshare.sources.failures import Broken, LeftOut, Reason
from privateshare.sources.object_building import Mapped, SourceAccount

UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s contacts has neither a name nor an address.",
    "%(num)s of %(total)s contacts have neither a name nor an address.",
    Broken("The contacts of the file have neither names nor addresses. Export the contacts again."),
)


def contacts_of(file: UploadedFile, account: SourceAccount, left_out: LeftOut) -> Iterator[Mapped]:
    """Yield the contacts of a file. Raises NoContacts if it holds none."""
    book = PurePosixPath(file.path).stem
    try:
        for parts in _parts_of(file):
            contact = contact_object(account, parts, book) if parts is not None else None
            if contact is None:
                left_out.leave_out(UNREADABLE, ObjectType.CONTACT)
            else:
                left_out.read += 1
                yield ObjectType.CONTACT, contact
    except csv.Error:
        left_out.name_damaged_file(file.path)


def _parts_of(file: UploadedFile) -> Iterator[ContactParts | None]:
    try:
        yield from contacts_of_cards(file)
    except NoCards:
        yield from contacts_of_table(file)


__all__ = ["NoContacts", "contacts_of"]
