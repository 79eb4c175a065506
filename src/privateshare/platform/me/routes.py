"""All routes of the person's own pages."""

from fastapi import APIRouter

from privateshare.platform.http.routing import flat_router
from privateshare.platform.me import (
    add_pages,
    app_pages,
    bring_page,
    change_page,
    data_pages,
    entrance_page,
    erase_pages,
    export_pages,
    history_pages,
    merge_pages,
    overview_page,
    sign_in_methods,
    source_pages,
    source_sign_in_pages,
)


def my_pages() -> APIRouter:
    """Collect every route below `/me`."""
    parts = (
        entrance_page,
        overview_page,
        change_page,
        sign_in_methods,
        app_pages,
        source_pages,
        data_pages,
        history_pages,
        erase_pages,
        export_pages,
        bring_page,
        add_pages,
        source_sign_in_pages,
        merge_pages,
    )
    return flat_router(part.router for part in parts)
