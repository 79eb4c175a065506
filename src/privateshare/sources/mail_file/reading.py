"""A reader for the mail in the files of an upload."""

from collections.abc import Iterator

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.failures import DELETED, Broken, LeftOut, Reason, shown_name
from privateshare.sources.mail_file.headers import is_deleted
from privateshare.sources.mail_file.mailbox_files import OutlookFile, folder_name, messages_of
from privateshare.sources.mail_file.mapping import mail_object
from privateshare.sources.object_building import Mapped, SourceAccount

INTERNAL = "DON'T DELETE THIS MESSAGE"  # The subject of a message that servers keep their notes in.
UNREADABLE = Reason(
    "Damaged",
    "%(num)s of %(total)s messages has no date that can be read.",
    "%(num)s of %(total)s messages have no date that can be read.",
    Broken("The messages of the file have no dates that can be read. Export your mail again."),
)


def mails_of(file: UploadedFile, account: SourceAccount, left_out: LeftOut) -> Iterator[Mapped]:
    """Yield the mails of a file.

    Raises:
        NotMail: It does not hold mail.
    """
    try:
        for message in messages_of(file):
            headers = message.headers
            if headers is not None and (is_deleted(headers) or headers.text("subject").startswith(INTERNAL)):
                left_out.pass_over(DELETED)
                continue
            folder = folder_name(file.path, is_single=not message.separator)
            mail = mail_object(account, message, folder)
            if mail is None:
                left_out.leave_out(UNREADABLE, ObjectType.MAIL)
            else:
                left_out.read += 1
                yield ObjectType.MAIL, mail
    except OutlookFile:
        name = shown_name(file.path)
        problem = Broken(
            "%(name)s is a file of Outlook, which cannot be read here. Move the messages to a folder of another mail "
            "program, such as Thunderbird, and export that as mbox.",
            name=name,
        )
        left_out.name_damaged(name, problem)
