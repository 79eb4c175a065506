"""All routes of the person's own pages."""

from fastapi import APIRouter

from privateshare.platform.me import change_page, data_pages, entrance, history_pages, pages, ways_in


def my_pages() -> APIRouter:
    """Collect every route below `/me`."""
    whole = APIRouter(include_in_schema=False)
    for part in (entrance, pages, change_page, ways_in, data_pages, history_pages):
        whole.include_router(part.router)
    return whole
