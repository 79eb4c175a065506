"""`/.well-known/security.txt`: where vulnerabilities of this platform can be reported. RFC 9116."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Depends, Request
from starlette.responses import PlainTextResponse

from privateshare.errors import NotFound
from privateshare.platform.http.requests import count_unsigned, platform_of

LIFETIME = timedelta(days=180)  # RFC 9116 recommends less than a year.

router = APIRouter(include_in_schema=False)


@router.get("/.well-known/security.txt", dependencies=[Depends(count_unsigned)])
async def security_txt(request: Request) -> PlainTextResponse:
    """Return the operator's contact for reports of vulnerabilities. Without that setting, the page does not exist."""
    contact = platform_of(request).settings.contact_address
    if contact is None:
        raise NotFound("Not Found")
    expires = (datetime.now(UTC) + LIFETIME).replace(microsecond=0)
    return PlainTextResponse(f"Contact: {contact}\nExpires: {expires.isoformat()}\n")
