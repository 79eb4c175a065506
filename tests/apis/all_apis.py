"""The APIs of all sources, with what their contract tests need to know of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.contract import Source
from privateshare.sources.mastodon.source import Mastodon
from privateshare.sources.typed_servers import TypedServers
from tests.apis.mastodon import mastodon, status
from tests.apis.server import Answer, Api, ApiServer


@dataclass(frozen=True)
class Case:
    """A source and its API.

    Attributes:
        api: Builds the API.
        source: Builds the source for the API at an address.
        counts: How many objects of each type there are.
        path: The path of a list, at which tests make faults.
        kind: The type of its objects.
        pages: How many pages the list has.
        requests_to_resume: How many requests remain after its first page.
        add: Adds an item to a list, and returns its type.
        delete: Deletes an object, and returns its type; None if the API does not show what was deleted.
        spoil: Adds an item that cannot be read; None if that is not possible.
        mislead: Answers with a next page at another address; None if pages have no addresses.
    """

    api: Callable[[], Api]
    source: Callable[[str], Source]
    counts: Mapping[int, int]
    path: str
    kind: int
    pages: int
    add: Callable[[ApiServer], int]
    delete: Callable[[ApiServer], int] | None = None
    spoil: Callable[[ApiServer, Any], None] | None = None
    mislead: Callable[[str], Answer] | None = None
    requests_to_resume: int = 10


def adds(path: str, item: Any, kind: int, *, at_end: bool = False) -> Callable[[ApiServer], int]:
    """Return a function that adds an item at the beginning or the end of a list."""

    def add(server: ApiServer) -> int:
        items = server.api.lists[path].items
        items.insert(len(items) if at_end else 0, item)
        return kind

    return add


def deletes(path: str, kind: int, index: int = 2) -> Callable[[ApiServer], int]:
    """Return a function that deletes an item of a list."""

    def delete(server: ApiServer) -> int:
        del server.api.lists[path].items[index]
        return kind

    return delete


def spoils(path: str) -> Callable[[ApiServer, Any], None]:
    """Return a function that adds an item that cannot be read."""
    return lambda server, junk: server.api.lists[path].items.insert(1, junk)


STATUSES = "/api/v1/accounts/id-ann/statuses"

APIS = [
    pytest.param(
        Case(
            api=mastodon,
            source=lambda _: Mastodon(TypedServers(private=True)),
            counts={
                ObjectType.PROFILE: 1,
                ObjectType.POST: 95,
                ObjectType.LIKE: 50,
                ObjectType.SOCIAL_NETWORK_USER: 103,
            },
            path=STATUSES,
            kind=ObjectType.POST,
            pages=3,
            requests_to_resume=2,
            add=adds(STATUSES, status(200), ObjectType.POST),
            delete=deletes(STATUSES, ObjectType.POST),
            spoil=spoils(STATUSES),
            mislead=lambda address: (200, {"Link": f'<{address}>; rel="next"'}, [status(1)]),
        ),
        id="mastodon",
    ),
]
