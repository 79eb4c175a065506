"""The sources that a person connected. Protocol 7."""

from privateshare.protocol.messages import Account
from privateshare.sdk.configuration import Configuration
from privateshare.sdk.flow import Flow
from privateshare.sdk.flows.calls import as_user, called, parsed, read_as
from privateshare.sdk.tokens import UserAccessToken


def read_accounts(configuration: Configuration, token: UserAccessToken) -> Flow[list[Account]]:
    """The accounts that this contract can see. Protocol 7.1."""
    path = "permission-access/accounts"
    response = yield from as_user(token, lambda access: called(configuration, "GET", path, access_token=access))
    return read_as(list[Account], parsed(response))
