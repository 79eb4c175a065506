"""Wrong arguments of the consent routes: the error comes when the app starts, not when a person arrives."""

from typing import Any

import pytest

from privateshare import ConfigurationError
from privateshare.testing import InMemoryPlatform
from privateshare.web.fastapi import consent_router
from privateshare.web.flask import consent_blueprint

SECRET = "s" * 32


async def welcome(*_: Any) -> Any:
    raise AssertionError("nobody comes")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("secret", None),
        ("secret", 7),
        ("secret", b"s" * 32),
        ("secret", "hunter2"),
        ("secret", []),
        ("secret", [SECRET, None]),
        ("on_token", None),
        ("on_token", "hunter2"),
        ("on_failure", "hunter2"),
        ("on_repeat", 7),
        ("options", {"locale": "de"}),
        ("client", None),
        ("client", "hunter2"),
    ],
)
def test_a_wrong_argument_is_named_immediately(name: str, value: object) -> None:
    """Its value is not shown."""
    with InMemoryPlatform() as platform:
        given: dict[str, Any] = {"client": platform.async_client(), "secret": SECRET, "on_token": welcome}
        with pytest.raises(ConfigurationError, match=name) as told:
            consent_router(**(given | {name: value}))
    assert "hunter2" not in str(told.value)


def test_each_framework_requires_its_kind_of_client() -> None:
    """A blocking client would block all visitors of an asyncio app; an asyncio client does not work in the others."""
    with InMemoryPlatform() as platform:
        with pytest.raises(ConfigurationError, match="a client of the class AsyncPrivateShare, not PrivateShare"):
            consent_router(platform.client(), secret=SECRET, on_token=welcome)  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="a client of the class PrivateShare, not AsyncPrivateShare"):
            consent_blueprint(platform.async_client(), secret=SECRET, on_token=welcome)  # type: ignore[arg-type]
