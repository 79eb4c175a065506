"""The ASGI application, with all routes and middleware of a platform."""

import warnings
from functools import partial
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Request
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.responses import Response

from privateshare.platform.api import (
    accounts,
    audit_log,
    contracts,
    deletions,
    discovery,
    files,
    key_set,
    legacy,
    metrics,
    oauth,
    postbox,
    push_to_provider,
    pushing,
    samples,
    security_txt,
    sessions,
    storage,
    viewer,
)
from privateshare.platform.api.frequent import frequent_calls
from privateshare.platform.api.health import router as health
from privateshare.platform.api.once import RepeatedRequest
from privateshare.platform.api.openapi import build_openapi, operation_id
from privateshare.platform.api.readiness import Readiness
from privateshare.platform.consent.error_pages import render_page_error
from privateshare.platform.consent.front_page import router as front_page
from privateshare.platform.consent.rendering import RedirectInstead
from privateshare.platform.consent.routes import consent_app
from privateshare.platform.http.admitting import Admit
from privateshare.platform.http.errors import add_error_handlers
from privateshare.platform.http.frequent import FrequentCalls
from privateshare.platform.http.requests import (
    BodyLimit,
    DiscardRest,
    RequestIds,
    StripBasePath,
    check_address,
    count_unsigned,
)
from privateshare.platform.http.routing import flat_router
from privateshare.platform.me.routes import my_pages
from privateshare.platform.operating.access_log import AccessLog
from privateshare.platform.operating.metrics import RecordRequests
from privateshare.platform.runtime import Platform

UNSIGNED = [Depends(count_unsigned)]
API_MODULES = (
    deletions,
    key_set,
    oauth,
    sessions,
    files,
    accounts,
    discovery,
    pushing,
    push_to_provider,
    storage,
    contracts,
    samples,
)


def create_app(platform: Platform) -> FastAPI:
    """Create the application of an open platform: API, consent pages, and health checks."""
    # FastAPI describes a body that may be missing in a way that pydantic reports, at the first call and when the API is
    # described. It does no harm, and the operator can do nothing about it.
    warnings.filterwarnings("ignore", "The 'alias' attribute with value 'body'", UnsupportedFieldAttributeWarning)
    app = FastAPI(
        title="PrivateShare",
        version="1.7",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(check_address)],
        generate_unique_id_function=operation_id,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # It would record whole addresses.
    )
    app.state.platform = platform
    app.state.readiness = Readiness(platform)
    app.openapi = partial(build_openapi, app, platform.settings.origin)  # type: ignore[method-assign]
    app.add_middleware(FrequentCalls, calls=frequent_calls())
    app.add_middleware(BodyLimit)
    app.add_middleware(
        Admit,
        admission=platform.admission,
        known_keys=platform.known_keys,
        log_addresses=platform.settings.log_addresses,
    )
    app.add_middleware(RequestIds, origin=platform.settings.origin)
    app.add_middleware(RecordRequests, metrics=platform.metrics, access_log=AccessLog(platform.settings))
    if base := urlsplit(platform.settings.origin or "").path:
        app.add_middleware(StripBasePath, path=base)
    app.add_middleware(DiscardRest)
    _add_routes(app)
    renderers = {"/apps/": render_page_error, "/me/": render_page_error, "/cloud/": storage.render_storage_error}
    add_error_handlers(app, renderers, render_page_error)
    app.add_exception_handler(RepeatedRequest, _attached_response)
    app.add_exception_handler(RedirectInstead, _attached_response)
    return app


def _add_routes(app: FastAPI) -> None:
    """Add the routes of the API and of the pages. They are tried in this order."""
    app.include_router(health)
    api = [module.router for module in API_MODULES]
    app.include_router(flat_router([*api, legacy.pushing]), prefix="/v1.7")
    # What differs in version 1.6 comes first, so that it matches first. Protocol 14.
    app.include_router(legacy.router, prefix="/v1.6", dependencies=UNSIGNED)
    app.include_router(postbox.router, prefix="/v1.6")
    same = [router for router in api if router is not files.router]
    app.include_router(flat_router(same), prefix="/v1.6", include_in_schema=False)
    app.include_router(discovery.router, prefix="/v1.5", include_in_schema=False)  # Android uses it. Protocol 14 (f).
    app.include_router(metrics.router)
    app.include_router(audit_log.router)
    app.include_router(security_txt.router)
    app.include_router(viewer.router)
    app.include_router(storage.files, prefix="/cloud/v1")
    app.include_router(consent_app(), prefix="/apps/saas", dependencies=UNSIGNED, include_in_schema=False)
    app.include_router(my_pages(), dependencies=UNSIGNED, include_in_schema=False)
    app.include_router(front_page, dependencies=UNSIGNED)


async def _attached_response(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RepeatedRequest | RedirectInstead)
    return error.response
