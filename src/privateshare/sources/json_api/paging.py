"""The ways in which APIs divide lists into pages. Each returns the request for the page after a given one."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from privateshare.sources.json_api.requests import ApiRequest, Reply

NextPage = Callable[[Reply, Sequence[Any]], ApiRequest | None]
"""A function that returns the request for the page after a reply with some items; None after the last page."""

_LINK = re.compile(r'<([^<>]*)>((?:\s*;\s*[A-Za-z]+="[^"]*")*)')


def single_page(_reply: Reply, _items: Sequence[Any]) -> None:
    """Return None: there is only one page."""


def linked_page(reply: Reply, _items: Sequence[Any]) -> ApiRequest | None:
    """Follow the header Link with rel="next" (RFC 8288), as Mastodon and GitHub have it."""
    for address, attributes in _LINK.findall(reply.headers.get("link", "")):
        if 'rel="next"' in attributes:
            return reply.request.at(address)
    return None


def page_at(*path: str) -> NextPage:
    """Follow the address in a field of the response, such as Spotify's `next`."""

    def following(reply: Reply, _items: Sequence[Any]) -> ApiRequest | None:
        address = field_at(reply.content, *path)
        return reply.request.at(address) if isinstance(address, str) and address else None

    return following


def token_page(parameter: str, *path: str) -> NextPage:
    """Repeat the request with the token in a field of the response, such as Bluesky's `cursor`."""

    def following(reply: Reply, _items: Sequence[Any]) -> ApiRequest | None:
        token = field_at(reply.content, *path)
        is_token = isinstance(token, str | int) and not isinstance(token, bool)
        return reply.request.changed(**{parameter: token}) if is_token and token != "" else None

    return following


def numbered_page(parameter: str = "page", size: int = 1) -> NextPage:
    """Ask for the next number until a page has fewer items than `size`."""

    def following(reply: Reply, items: Sequence[Any]) -> ApiRequest | None:
        if len(items) < size:
            return None
        return reply.request.changed(**{parameter: int(reply.request.parameters.get(parameter, 1)) + 1})

    return following


def earlier_page(parameter: str, second_of: Callable[[Any], int], size: int) -> NextPage:
    """Ask for what is before the oldest item of a page, for lists that are divided by date only.

    The API leaves out the named second. So the second after that of the oldest item is named: other items may have the
    same one. They are fetched again, unless they are all that a page has.
    """

    def following(reply: Reply, items: Sequence[Any]) -> ApiRequest | None:
        seconds = list(_values(second_of, items))
        if len(items) < size or not seconds:
            return None
        is_one_second = min(seconds) == max(seconds)
        return reply.request.changed(**{parameter: min(seconds) + (0 if is_one_second else 1)})

    return following


def _values(value_of: Callable[[Any], int], items: Sequence[Any]) -> Iterator[int]:
    for item in items:
        with suppress(KeyError, ValueError, TypeError, AttributeError):  # An item that cannot be read is counted later.
            yield value_of(item)


def field_at(content: Any, *path: str) -> Any:
    """Return a nested field of a JSON object; None if it is not there."""
    for name in path:
        content = content.get(name) if isinstance(content, dict) else None
    return content


def list_at(*path: str) -> Callable[[Any], list[Any]]:
    """Return a function that finds the items of a page; without a path the response is the list.

    The function raises ValueError if there is no list.
    """

    def items(content: Any) -> list[Any]:
        found = field_at(content, *path)
        if not isinstance(found, list):
            raise ValueError("the response has no list")
        return found

    return items


def itself(content: Any) -> list[Any]:
    """Take a response as the only item. Raises ValueError if it is no object."""
    if not isinstance(content, dict):
        raise ValueError("the response is no object")
    return [content]
