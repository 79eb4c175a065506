"""The accounts that a contract can see. Protocol 7."""

from fastapi import APIRouter

from privateshare.platform.api.callers import UserCaller
from privateshare.platform.library.accounts import account_view, consented_accounts
from privateshare.platform.library.libraries import open_library
from privateshare.protocol.messages import Account

router = APIRouter(tags=["accounts"])


@router.get("/permission-access/accounts", response_model_exclude_none=True)
async def accounts(caller: UserCaller) -> list[Account]:
    """The sources that the person connected, as far as this contract may see them. Protocol 7.1."""
    library = await open_library(caller.db, caller.platform.master_key, caller.consent.library_id)
    return [account_view(account, library) for account in await consented_accounts(caller.db, caller.consent.id)]
