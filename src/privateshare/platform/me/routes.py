"""All routes of the person's own pages."""

from fastapi import APIRouter

from privateshare.platform.http.routing import flat_router
from privateshare.platform.me import (
    adding,
    app_pages,
    bringing,
    change_page,
    data_pages,
    entrance,
    erasing,
    exporting,
    history_pages,
    merge_pages,
    pages,
    signing_in,
    sources,
    ways_in,
)


def my_pages() -> APIRouter:
    """Collect every route below `/me`."""
    parts = (
        entrance,
        pages,
        change_page,
        ways_in,
        app_pages,
        sources,
        data_pages,
        history_pages,
        erasing,
        exporting,
        bringing,
        adding,
        signing_in,
        merge_pages,
    )
    return flat_router(part.router for part in parts)
