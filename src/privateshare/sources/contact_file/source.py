"""The source Contacts: a sample, or an address book that a person exports."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contact_file.reading import contacts_of
from privateshare.sources.contact_file.sample import sample_files
from privateshare.sources.contact_file.tables import NoContacts
from privateshare.sources.contract import Brand, Broken, FileMark, Identity, ObjectSchema, Sample, SourceInfo, Upload
from privateshare.sources.export_source import UnnamedExportSource, UploadedExport
from privateshare.sources.object_building import Mapped, Revisions


class ContactFile(UnnamedExportSource):
    """Source 9012, service type 9012: an address book."""

    info = SourceInfo(
        id=9012,
        service_type=9012,
        service_group=ServiceGroup.SOCIAL,
        object_types=(ObjectType.CONTACT,),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "An address book", "The contacts of an invented person."),),
        brand=Brand("#2f7d5b"),
        upload=Upload(
            in_folders=True,
            accept=".vcf,.vcard,.csv,.zip",
            marks=(
                FileMark(r"(?i)\A\s*BEGIN:VCARD"),
                FileMark(
                    r"(?i)\A\"?(?:name|first name|given name|title|vorname|anrede|titel|voornaam)\"?[,;].*"
                    r"(?:e-?mail|phone|telefon)",
                    is_weak=True,
                ),
            ),
            instructions=(
                "Google: open contacts.google.com on a computer and choose “Export”, then “vCard”.",
                "iPhone: open Contacts, then Lists, hold “All Contacts” and tap “Export”. On a Mac: choose all "
                "contacts, then “Export” in the menu “File”.",
                "Outlook: choose “Import and Export” in the menu “File”, and export to a file as CSV.",
                "Choose the file here, or a zip of several files.",
            ),
        ),
    )

    owner = Identity("contacts", "Contacts", "USER")
    nothing = Broken("The file holds no contacts. Export your contacts as vCard or CSV, and upload that file.")
    skipped_endings = frozenset({".html", ".jpg", ".jpeg", ".png", ".pdf", ".plist"})

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return sample_files(now)

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield all contacts, and name other files. Raises Broken."""
        revisions = Revisions()
        for file in export.files:
            try:
                for mapped in contacts_of(file, export.account, export.left_out):
                    if not revisions.is_outdated(mapped[1], mapped[1].get("revision")):
                        yield mapped
            except NoContacts:
                export.left_out.name_other_file(file.path)


SOURCES = (ContactFile(),)
