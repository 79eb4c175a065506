"""The mapping of messages to objects."""

from privateshare.sources.contract import JsonObject
from privateshare.sources.mail_file.headers import Headers, labels, sent_at
from privateshare.sources.mail_file.message import MessageBuilder
from privateshare.sources.object_building import SourceAccount, stable_id

RECIPIENTS = {"to": "recipients", "cc": "copied", "bcc": "blindcopied"}


def mail_object(account: SourceAccount, message: MessageBuilder, folder: str) -> JsonObject | None:
    """Map a message. Returns None if nothing says when it was sent."""
    headers = message.headers or Headers(b"")
    moment = sent_at(headers, message.separator)
    if moment is None:
        return None
    text = message.text()
    message_id = next(iter(headers.message_ids("message-id")), "")
    subject = headers.text("subject")
    own_id = stable_id(message_id or (headers.written("from"), text), moment, subject)
    recipients = {field: headers.people(name) for name, field in RECIPIENTS.items()}
    return account.thing(
        own_id,
        moment,
        messageid=message_id,
        inreplyto=next(iter(headers.message_ids("in-reply-to")), ""),
        references=headers.message_ids("references"),
        sender=next(iter(headers.people("from")), {}),
        **recipients,
        subject=subject,
        text=text,
        istruncated=message.is_truncated or None,
        attachments=[_filled(name=one.name, mimetype=one.mimetype, size=one.size) for one in message.attachments],
        labels=labels(headers),
        folder=folder,
        size=message.size,
        listid=headers.text("list-id"),
        threadid=headers.written("x-gm-thrid"),
    )


def _filled(**fields: object) -> JsonObject:
    return {name: value for name, value in fields.items() if value not in (None, "")}
