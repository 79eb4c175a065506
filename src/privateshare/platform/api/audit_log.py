"""The published head of the audit log, for everyone who wants to be able to check the log later."""

from fastapi import APIRouter, Depends, Request

from privateshare.errors import NotFound
from privateshare.platform.audit.chain import newest_head
from privateshare.platform.http.requests import count_unsigned, public_address
from privateshare.platform.http.transaction import Transaction
from privateshare.protocol.addresses import API_PATH
from privateshare.protocol.wire import Wire

LOG_PATH = "/.well-known/privateshare-log"

router = APIRouter(tags=["audit log"])


class PublishedHead(Wire):
    """The newest head of the audit log, as a signed JWT, and where the keys for its signature are."""

    head: str
    jwks_uri: str


@router.get(LOG_PATH, dependencies=[Depends(count_unsigned)])
async def get_log_head(request: Request, db: Transaction) -> PublishedHead:
    """Return the newest signed head of the audit log. Whoever saves it can later check the log against it."""
    head = await newest_head(db)
    if head is None:
        raise NotFound("The audit log has no entries yet")
    return PublishedHead(head=head, jwks_uri=f"{public_address(request)}{API_PATH}jwks/oauth")
