"""The source Mail: a sample, or mail that a person exports as mbox files or single messages."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.archive import UploadedFile
from privateshare.sources.contract import Brand, Broken, FileMark, Identity, ObjectSchema, Sample, SourceInfo, Upload
from privateshare.sources.export_source import UnnamedExportSource, UploadedExport
from privateshare.sources.mail_file.mailbox_files import NotMail
from privateshare.sources.mail_file.reading import mails_of
from privateshare.sources.mail_file.sample import sample_files
from privateshare.sources.object_building import Mapped


class MailFile(UnnamedExportSource):
    """Source 9010, service type 9010: e-mail."""

    info = SourceInfo(
        id=9010,
        service_type=9010,
        service_group=ServiceGroup.SOCIAL,
        object_types=(ObjectType.MAIL,),
        schema=ObjectSchema("digime", "1.0.0"),
        samples=(Sample("default", "A mailbox", "A year of mail of an invented person."),),
        brand=Brand("#3b5b92"),
        upload=Upload(
            in_folders=True,
            accept=".mbox,.mbx,.eml,.emlx,.zip",
            marks=(
                FileMark(r"\AFrom .*\r?\n>?[!-9;-~]+:"),
                FileMark(
                    r"(?i)\A(?:\d+\s+)?(?:received|return-path|delivered-to|from|to|date|message-id|subject"
                    r"|mime-version|dkim-signature|arc-[a-z-]+|x-[a-z-]+):\s"
                ),
                # Any other field may come first, such as one that is misspelt.
                FileMark(
                    r"(?i)\A[a-z][a-z0-9-]{1,40}:[ \t](?=(?s:.*)\nfrom:[ \t])(?=(?s:.*)\n(date|message-id):[ \t])",
                    is_weak=True,
                ),
            ),
            instructions=(
                "Gmail: open takeout.google.com, choose “Deselect all”, and then only “Mail”. Google writes to you "
                "when the file is ready.",
                "Apple Mail: choose a mailbox, then “Export Mailbox” in the menu “Mailbox”. Make a zip of the folder.",
                "Thunderbird: the folder of your profile has a file for each mailbox. You may also save messages as "
                ".eml files.",
                "Choose the file here, or a zip of several files.",
            ),
        ),
    )

    owner = Identity("mail", "Mail", "USER")
    nothing = Broken("The file holds no e-mail. Export your mail as mbox or as .eml files, and upload that.")
    skipped_endings = frozenset({".msf", ".dat", ".html", ".jpg", ".jpeg", ".png", ".pdf", ".plist"})

    def sample_files(self, now: datetime) -> Iterable[UploadedFile]:
        """Make the files of the sample."""
        return sample_files(now)

    def read(self, export: UploadedExport) -> Iterator[Mapped]:
        """Yield all mails, and name other files. Raises Broken."""
        for file in export.files:
            try:
                yield from mails_of(file, export.account, export.left_out)
            except NotMail:
                export.left_out.name_other_file(file.path)


SOURCES = (MailFile(),)
