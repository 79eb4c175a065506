"""Flows about the sources that a person connected, and about deleting them. Protocol 7."""

from privateshare.protocol.messages import Account
from privateshare.sdk.arguments import check_word
from privateshare.sdk.core import Core
from privateshare.sdk.flow import Flow, ForgetToken
from privateshare.sdk.flows.signed_calls import call_as_user
from privateshare.sdk.http.responses import json_value, read_as
from privateshare.sdk.tokens import Holder, check_holder


def check_account_id(account_id: str) -> None:
    """Check the argument account_id, which is sent in a header. Raise ConfigurationError."""
    check_word("account_id", account_id, "the id of an account, as in Account.id")


def read_accounts(core: Core, holder: Holder) -> Flow[list[Account]]:
    """Read the accounts that this contract can see. Protocol 7.1."""
    response = yield from call_as_user(core, holder, "GET", "permission-access/accounts")
    return read_as(list[Account], json_value(response))


def delete_account(core: Core, holder: Holder, account_id: str) -> Flow[None]:
    """Delete an account and every file that came from it. Protocol 7.2."""
    check_holder(holder)
    check_account_id(account_id)
    path, headers = "permission-access/service/h:accountId", {"accountId": account_id}
    yield from call_as_user(core, holder, "DELETE", path, headers=headers)


def delete_user(core: Core, holder: Holder) -> Flow[None]:
    """Delete what this app's partner knows of the person, and their token in the store. Protocol 7.5."""
    yield from call_as_user(core, holder, "DELETE", "user")
    yield ForgetToken(holder)
