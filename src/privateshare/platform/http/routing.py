"""Routers that are made of others."""

from collections.abc import Iterable

from fastapi import APIRouter


def flat_router(routers: Iterable[APIRouter]) -> APIRouter:
    """Make one router of the routes of several.

    FastAPI matches a request with all routes of an included router again at each level at which routers are nested.
    With nested routers, that took a third of the CPU time of a request that does nothing.
    """
    return APIRouter(routes=[route for router in routers for route in router.routes])
