"""Confirming that an app has deleted what it read of a person. Protocol 16.3."""

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from privateshare.platform.api.callers import ContractCaller
from privateshare.platform.api.once import Once
from privateshare.platform.grants.deletions import confirm_deletion
from privateshare.protocol.wire import EmptyBody

router = APIRouter(tags=["accounts"])


@router.post("/permission-access/consents/{consent_id}/deletion", response_model=EmptyBody)
async def confirm_deletion_of_data(caller: ContractCaller, once: Once, consent_id: UUID) -> Response:
    """Confirm that the app deleted what it read under a consent, as the person asked. Protocol 16.3."""
    await confirm_deletion(caller.db, caller.platform, caller.contract.id, consent_id, caller.now)
    return await once.respond({})
