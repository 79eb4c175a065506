"""Every route of the application, as it is served: what the tests of "every call" hold their tables against."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

PAGES = "/apps/saas"
OLDER = ("/v1.6", "/v1.5")  # Older versions repeat the same calls, except for those that are described under them.


@dataclass(frozen=True)
class Route:
    """One method of one address, and what answers it."""

    method: str
    path: str
    endpoint: Callable[..., Any]

    @property
    def call(self) -> str:
        """How the tables name it."""
        return f"{self.method} {self.path}"


def routes_of(app: FastAPI) -> list[Route]:
    """Return all routes, including those that are not described."""
    return [
        Route(method, path.replace(":anything", ""), endpoint)
        for methods, path, endpoint in _walk(app.routes)
        for method in sorted(methods)
    ]


def _walk(routes: list[Any]) -> Iterator[tuple[set[str], str, Callable[..., Any]]]:
    for route in routes:
        if hasattr(route, "effective_route_contexts"):  # This is an included router.
            for found in route.effective_route_contexts():
                yield found.methods, found.path, found.original_route.endpoint
        else:
            yield route.methods, route.path, route.endpoint


def repeats_newer(route: Route, routes: list[Route]) -> bool:
    """Return whether an older version and the newest share a call: the same function under the same address."""
    older = next((prefix for prefix in OLDER if route.path.startswith(f"{prefix}/")), None)
    same = Route(route.method, route.path.replace(older or "", "/v1.7", 1), route.endpoint)
    return older is not None and same in routes
