"""Messages to the operator, by mail and to an address of theirs (a webhook of a chat, a pager, …)."""

import asyncio
import smtplib
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import unquote, urlsplit

import httpx2

from privateshare.errors import ConfigurationError
from privateshare.platform.operating.public_address import is_this_machine
from privateshare.platform.operating.settings import Settings
from privateshare.version import VERSION

SEND_SECONDS = 20
OK, MULTIPLE_CHOICES = 200, 300
SMTP_PORTS = {"smtp": 587, "smtps": 465}


class NoticeNotSent(Exception):
    """A message could not be sent. The text says why, without passwords."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message: a title of one line, what to know, and the same as data for programs."""

    title: str
    text: str
    data: Mapping[str, str]


Channel = Callable[[Notice], Awaitable[None]]
"""Sends a message. Raises NoticeNotSent."""


def channels(settings: Settings) -> Mapping[str, Channel]:
    """Return the ways to reach the operator that the settings name; none if they name none.

    Raises ConfigurationError if there are addresses, but no mail server.
    """
    found: dict[str, Channel] = {}
    if settings.alert_emails:
        if settings.smtp_url is None:
            raise ConfigurationError("alert_emails is set, but no mail server", hint="Set PRIVATESHARE_SMTP_URL")
        server, sender = settings.smtp_url.get_secret_value(), settings.alert_sender or settings.alert_emails[0]
        found["mail"] = lambda notice: asyncio.to_thread(_mail, server, sender, settings.alert_emails, notice)
    if settings.alert_webhook is not None:
        url = settings.alert_webhook.get_secret_value()
        found["webhook"] = lambda notice: _post(url, notice)
    return found


def _mail(server: str, sender: str, recipients: Sequence[str], notice: Notice) -> None:
    parts = urlsplit(server)
    host, port = parts.hostname or "", parts.port or SMTP_PORTS[parts.scheme]
    try:
        with _connect(parts.scheme, host, port) as connection:
            if parts.username:
                connection.login(unquote(parts.username), unquote(parts.password or ""))
            connection.send_message(_email(sender, recipients, notice))
    except (smtplib.SMTPException, OSError, ValueError) as error:  # A ValueError is a text that no mail can hold.
        reason = type(error).__name__
        if isinstance(error, smtplib.SMTPResponseException):
            reason = f"it answered {error.smtp_code}"
        raise NoticeNotSent(f"the mail server {host} did not take it: {reason}") from error


def _connect(scheme: str, host: str, port: int) -> smtplib.SMTP:
    """Connect with TLS. Only a server on this machine may be without it, since passwords and findings are sent."""
    context = ssl.create_default_context()
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=SEND_SECONDS, context=context)
    connection = smtplib.SMTP(host, port, timeout=SEND_SECONDS)
    try:
        connection.ehlo()
        if connection.has_extn("starttls") or not is_this_machine(host):
            connection.starttls(context=context)
    except BaseException:
        connection.close()
        raise
    return connection


def _email(sender: str, recipients: Sequence[str], notice: Notice) -> EmailMessage:
    mail = EmailMessage()
    title = " ".join(notice.title.split())  # A line break would begin another header, and is refused.
    mail["Subject"], mail["From"], mail["To"] = title, sender, ", ".join(recipients)
    mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain=sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(notice.text)
    return mail


async def _post(url: str, notice: Notice) -> None:
    body = {"text": f"{notice.title}\n{notice.text}", **notice.data}
    try:
        async with httpx2.AsyncClient(timeout=SEND_SECONDS, follow_redirects=False) as client:
            response = await client.post(url, json=body, headers={"user-agent": f"PrivateShare/{VERSION}"})
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise NoticeNotSent(f"the webhook did not take it: {type(error).__name__}") from error
    if not OK <= response.status_code < MULTIPLE_CHOICES:
        raise NoticeNotSent(f"the webhook did not take it: it answered {response.status_code}")
