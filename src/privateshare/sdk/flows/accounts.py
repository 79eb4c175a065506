"""The sources that a person connected, and the end of it all. Protocol 7."""

from privateshare.protocol.messages import Account
from privateshare.sdk.configuration import Configuration
from privateshare.sdk.flow import Flow, Forget
from privateshare.sdk.flows.calls import as_user, called, parsed, read_as
from privateshare.sdk.tokens import Holder


def read_accounts(configuration: Configuration, token: Holder) -> Flow[list[Account]]:
    """The accounts that this contract can see. Protocol 7.1."""
    path = "permission-access/accounts"
    response = yield from as_user(token, lambda access: called(configuration, "GET", path, access_token=access))
    return read_as(list[Account], parsed(response))


def delete_account(configuration: Configuration, token: Holder, account_id: str) -> Flow[None]:
    """Removes an account and every file that came from it. Protocol 7.2."""
    path, headers = "permission-access/service/h:accountId", {"accountId": account_id}
    yield from as_user(
        token, lambda access: called(configuration, "DELETE", path, headers=headers, access_token=access)
    )


def delete_user(configuration: Configuration, token: Holder) -> Flow[None]:
    """Deletes the person as far as this app's partner is concerned, and their tokens in the store. Protocol 7.5."""
    yield from as_user(token, lambda access: called(configuration, "DELETE", "user", access_token=access))
    yield Forget(token)
