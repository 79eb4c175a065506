"""Webhooks in web apps of each framework: what is signed reaches its handler, and nothing else does."""

import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import django
import pytest
from django.conf import settings
from fastapi import FastAPI
from fastapi.testclient import TestClient
from flask import Flask

from privateshare import ConfigurationError
from privateshare.protocol.webhooks import encode_message, sign_webhook
from privateshare.web import Webhook, WebhookEvent
from privateshare.web.django import webhook_urls
from privateshare.web.fastapi import webhook_router
from privateshare.web.flask import webhook_blueprint

SECRET = f"whsec_{b64encode(bytes(32)).decode()}"
DATA = {"user_id": "u", "consent_id": "c", "contract_id": "k"}

Post = Callable[[bytes, dict[str, str]], int]
Make = Callable[[Mapping[str, Any]], Post]


def fastapi_app(handlers: Mapping[str, Any]) -> Post:
    web = FastAPI()
    web.include_router(webhook_router(secret=SECRET, handlers=handlers), prefix="/hooks")
    client = TestClient(web, raise_server_exceptions=False)
    return lambda body, headers: client.post("/hooks/", content=body, headers=headers).status_code


def flask_app(handlers: Mapping[str, Any]) -> Post:
    web = Flask("test")
    web.register_blueprint(webhook_blueprint(secret=SECRET, handlers=handlers), url_prefix="/hooks")
    client = web.test_client()
    return lambda body, headers: client.post("/hooks/", data=body, headers=headers).status_code


def django_app(handlers: Mapping[str, Any]) -> Post:
    from django.test import RequestFactory

    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"])
        django.setup()
    (pattern,) = webhook_urls(secret=SECRET, handlers=handlers)

    def post(body: bytes, headers: dict[str, str]) -> int:
        request = RequestFactory(headers=headers).post("/hooks/", body, content_type="application/json")
        try:
            return int(pattern.callback(request).status_code)
        except RuntimeError:
            return 500  # Django's own handler does this outside of the view.

    return post


@pytest.fixture(params=[fastapi_app, flask_app, django_app])
def make(request: pytest.FixtureRequest) -> Make:
    made: Make = request.param
    return made


def signed(event: str = "consent.withdrawn", *, at: float | None = None) -> tuple[bytes, dict[str, str]]:
    body = encode_message(WebhookEvent.CONSENT_GIVEN, datetime.now(UTC), DATA).replace("consent.given", event).encode()
    timestamp = int(at or time.time())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(timestamp)}
    return body, headers | {"webhook-signature": sign_webhook(SECRET, "msg_1", timestamp, body)}


def test_a_message_reaches_its_handler(make: Make) -> None:
    """It arrives once, as a `Webhook`; events without a handler are accepted."""
    got: list[Webhook] = []
    post = make({"consent.withdrawn": got.append})
    assert post(*signed()) == 204
    assert post(*signed("data.ready")) == 204
    assert post(*signed("something.new")) == 204
    assert [(message.id, message.event, message.consent_id) for message in got] == [("msg_1", "consent.withdrawn", "c")]


def test_the_default_handles_the_rest(make: Make) -> None:
    got: list[str] = []
    post = make({"consent.withdrawn": lambda _: None, "default": lambda message: got.append(message.event)})
    for event in ("consent.withdrawn", "data.ready", "something.new"):
        assert post(*signed(event)) == 204
    assert got == ["data.ready", "something.new"]


def test_a_forged_changed_or_old_message_reaches_no_handler(make: Make) -> None:
    got: list[Webhook] = []
    post = make({"default": got.append})
    body, headers = signed()
    assert post(body, {}) == 400
    assert post(body + b" ", headers) == 400
    assert post(body, headers | {"webhook-id": "msg_2"}) == 400
    assert post(*signed(at=time.time() - 301)) == 400
    assert post(b"x" * 70_000, headers) == 400
    assert got == []


def test_a_failing_handler_makes_the_platform_try_again(make: Make) -> None:
    def fail(_: Webhook) -> None:
        raise RuntimeError("the app is broken")

    assert make({"default": fail})(*signed()) == 500


def test_a_coroutine_can_handle_messages_in_fastapi() -> None:
    got: list[str] = []

    async def handle(message: Webhook) -> None:
        got.append(message.event)

    assert fastapi_app({"consent.withdrawn": handle})(*signed()) == 204
    assert got == ["consent.withdrawn"]


@pytest.mark.parametrize(
    ("secret", "handlers"),
    [
        ("hunter2", {"default": print}),
        ([], {"default": print}),
        ([None], {"default": print}),
        (SECRET, {}),
        (SECRET, {"consent.withdraw": print}),
        (SECRET, {"default": "hunter2"}),
    ],
)
def test_wrong_arguments_are_found_when_the_app_starts(secret: Any, handlers: Any) -> None:
    for make_routes in (webhook_router, webhook_blueprint, webhook_urls):
        with pytest.raises(ConfigurationError) as told:
            make_routes(secret=secret, handlers=handlers)
        assert "hunter2" not in str(told.value)
