"""Delivering a message: one attempt, its record, and when the next one is. Standard Webhooks."""

from dataclasses import dataclass
from datetime import UTC, datetime

import httpx2
import structlog
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.jobs import Job
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import ApplicationRow, ContractRow, WebhookEndpointRow, WebhookMessageRow
from privateshare.platform.runtime import Platform
from privateshare.platform.webhooks.endpoints import endpoint_secret
from privateshare.platform.webhooks.public_addresses import AddressNotAllowed, post
from privateshare.protocol.webhooks import ID_HEADER, SIGNATURE_HEADER, TIME_HEADER, sign_webhook
from privateshare.version import VERSION

MINUTE, HOUR = 60, 3600
# The pauses before the attempts after the first. Together they are three days.
PAUSES_SECONDS = (5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 20 * HOUR)
OK, MULTIPLE_CHOICES, GONE = 200, 300, 410

log = structlog.get_logger()


class NotDelivered(Exception):
    """A message could not be delivered, and is tried again after a pause in seconds."""

    def __init__(self, pause: int) -> None:
        self.pause = pause
        super().__init__(f"A webhook was not delivered; the next attempt is in {pause} seconds")


class WebhookRetryStrategy(BaseRetryStrategy):
    """Retries messages that were not delivered, and those whose worker stopped."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        """Decide when a failed job runs again."""
        del job
        return RetryDecision(retry_in={"seconds": exception.pause if isinstance(exception, NotDelivered) else MINUTE})


@dataclass(frozen=True, slots=True)
class Attempt:
    """The result of an attempt: the status of the response, or the problem."""

    status: int | None
    problem: str = ""

    @property
    def is_delivered(self) -> bool:
        """Whether the app has taken the message."""
        return self.status is not None and OK <= self.status < MULTIPLE_CHOICES


async def deliver(platform: Platform, message_id: str) -> None:
    """Deliver a message, unless that is done, given up, or its endpoint was removed. Raises NotDelivered.

    A message to a suspended app is held without an attempt: `send_held_messages` continues once the app is resumed.

    No transaction is open while it is sent. If the process dies before the result is recorded, the message is sent
    again: apps recognize it by its id.
    """
    async with platform.database.transaction() as db:
        message = await db.get(WebhookMessageRow, message_id)
        if message is None or message.delivered_at is not None or message.given_up_at is not None:
            return
        endpoint = await db.get_one(WebhookEndpointRow, message.endpoint_id)
        if await _is_suspended(db, endpoint):
            message.held_at = message.held_at or datetime.now(UTC)
            return
    attempt = await _send(platform, endpoint, message, datetime.now(UTC))
    async with platform.database.transaction() as db:
        current = await db.get(WebhookMessageRow, message_id, with_for_update=True)
        if current is None:
            return
        pause = _record(current, attempt, datetime.now(UTC))
    if pause is not None:
        raise NotDelivered(pause)


async def _is_suspended(db: AsyncSession, endpoint: WebhookEndpointRow) -> bool:
    application = select(ContractRow.application_id).where(ContractRow.id == endpoint.contract_id).scalar_subquery()
    return await db.scalar(select(ApplicationRow.suspended_at).where(ApplicationRow.id == application)) is not None


async def _send(platform: Platform, endpoint: WebhookEndpointRow, message: WebhookMessageRow, now: datetime) -> Attempt:
    body, timestamp = message.body.encode(), int(now.timestamp())
    headers = {
        "content-type": "application/json",
        "user-agent": f"PrivateShare/{VERSION}",
        ID_HEADER: message.id,
        TIME_HEADER: str(timestamp),
        SIGNATURE_HEADER: sign_webhook(endpoint_secret(platform, endpoint), message.id, timestamp, body),
    }
    try:
        return Attempt(await post(endpoint.url, headers, body, private=platform.settings.webhook_private_addresses))
    except AddressNotAllowed as error:
        return Attempt(None, str(error))
    except TimeoutError:
        return Attempt(None, "no response arrived in time")
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        return Attempt(None, f"no response arrived ({type(error).__name__})")


def _record(message: WebhookMessageRow, attempt: Attempt, now: datetime) -> int | None:
    """Record an attempt. Returns the pause before the next one; None if there is none."""
    message.attempts += 1
    message.tried_at, message.status, message.problem = now, attempt.status, attempt.problem or None
    if attempt.is_delivered:
        message.delivered_at = now
        return None
    if attempt.status == GONE or message.attempts > len(PAUSES_SECONDS):
        message.given_up_at = now
        log.warning("a webhook was given up", message=message.id, endpoint=message.endpoint_id, status=attempt.status)
        return None
    return PAUSES_SECONDS[message.attempts - 1]
