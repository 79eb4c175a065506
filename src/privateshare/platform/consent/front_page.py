"""The page at the platform's own address: what PrivateShare is, for people and developers."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from privateshare.platform.consent.rendering import PageRoute, page, request_words
from privateshare.platform.http.requests import base_path, platform_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/")
async def front_page(request: Request) -> Response:
    """Show what this platform is, with links to the person's own pages and to the description of the API."""
    words = request_words(request, request.query_params.get("lng"))
    values = {"api_page": f"{base_path(request)}/docs"}
    query = request.query_params.multi_items()
    return page("front.html", words, values, settings=platform_of(request).settings, query=query)
