"""Webhooks in a web app, for any framework: verifying a message, and finding the function that handles it."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from privateshare.errors import ConfigurationError, InvalidWebhook
from privateshare.protocol.webhooks import MAX_BODY_BYTES, Webhook, WebhookEvent, check_secrets, verify_webhook

HandlerT = TypeVar("HandlerT", bound=Callable[..., object])

HANDLED, REFUSED = 204, 400
REFUSED_TEXT = "This is not a message of the platform, or it is too old.\n"
DEFAULT = "default"


class WebhookReceiver(Generic[HandlerT]):
    """Verifies messages, and finds the handler of each."""

    def __init__(self, secret: str | Sequence[str], handlers: Mapping[str, HandlerT]) -> None:
        self._secrets = [secret] if isinstance(secret, str) else list(secret)
        check_secrets(self._secrets)
        _check_handlers(handlers)
        self._handlers = dict(handlers)

    def read(self, headers: Mapping[str, str], body: bytes) -> Webhook:
        """Verify a message. Raises InvalidWebhook."""
        return verify_webhook(self._secrets, headers, body, time.time())

    def handler(self, webhook: Webhook) -> HandlerT | None:
        """Return what handles a message; None if nothing does."""
        return self._handlers.get(webhook.event) or self._handlers.get(DEFAULT)


def check_length(length: str | None) -> None:
    """Raise InvalidWebhook if a body announces more bytes than any message has, before it is read."""
    if length is None or not length.isascii() or not length.isdigit() or int(length[:20]) > MAX_BODY_BYTES:
        raise InvalidWebhook(f"the body must say its length, of at most {MAX_BODY_BYTES} bytes")


def _check_handlers(handlers: Mapping[str, object]) -> None:
    known = {str(event) for event in WebhookEvent} | {DEFAULT}
    if not isinstance(handlers, Mapping) or not handlers:
        raise ConfigurationError(f"handlers must map events to functions; the events are {', '.join(sorted(known))}")
    for event, handler in handlers.items():
        if event not in known:
            raise ConfigurationError(f"handlers has an unknown event; the events are {', '.join(sorted(known))}")
        if not callable(handler):
            raise ConfigurationError(f"handlers must have a function for {event}")
