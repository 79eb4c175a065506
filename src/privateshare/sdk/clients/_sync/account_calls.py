# Generated from `sdk/clients/_async/account_calls.py` by `make sync-client`. Do not edit.
"""Calls of the blocking client about a person's accounts and library."""

from __future__ import annotations

from typing import Literal

from privateshare.sdk.clients._sync.driven_client import DrivenClient
from privateshare.sdk.clients._sync.lazy_modules import accounts, contracts, messages
from privateshare.sdk.tokens import Holder


class AccountCalls(DrivenClient):
    """Calls about a person's accounts and library. Protocol 7, 12.3."""

    def read_accounts(self, user_access_token: Holder) -> list[messages.Account]:
        """Read the sources that the person connected, as far as this contract may see them.

        Args:
            user_access_token: The user's token, or a user of the token store.

        Returns:
            The accounts, oldest first. Dates are in milliseconds since the epoch.

        Raises:
            InvalidToken: The token is unknown or was revoked, and refreshing it did not help.
            UnknownUser: The token store has no token of this user.

        Protocol 7.1.
        """
        return self._drive(accounts.read_accounts(self._core, user_access_token))

    def delete_account(self, user_access_token: Holder, account_id: str) -> None:
        """Delete one of the person's accounts, its credentials and every file that came from it.

        Args:
            user_access_token: The user's token, or a user of the token store.
            account_id: The id of the account, as in `Account.id`.

        Raises:
            NotFound: There is no such account, or this contract cannot see it.
            InvalidToken: The token is unknown or was revoked, and refreshing it did not help.
            UnknownUser: The token store has no token of this user.

        Protocol 7.2.
        """
        self._drive(accounts.delete_account(self._core, user_access_token, account_id))

    def delete_user(self, user_access_token: Holder) -> None:
        """Delete what your organisation has of the person. The token stops working at once.

        The token of a user in the token store is deleted there too.

        Args:
            user_access_token: The user's token, or a user of the token store.

        Raises:
            InvalidToken: The token is unknown or was revoked, and refreshing it did not help.
            UnknownUser: The token store has no token of this user.

        Protocol 7.5.
        """
        self._drive(accounts.delete_user(self._core, user_access_token))

    def confirm_deletion(self, consent_id: str) -> None:
        """Confirm that your app has deleted what it read under a consent, as the person asked.

        Call it after the webhook `deletion.asked`, with its `consent_id`. The person then sees that you confirmed it.

        Args:
            consent_id: The consent, as `Webhook.consent_id`.

        Raises:
            NotFound: No person asked for this under a consent to this contract.
            InvalidRequest: This is not the id of a consent.

        Protocol 16.3.
        """
        self._drive(contracts.confirm_deletion(self._core, consent_id))

    def get_portability_report(
        self,
        user_access_token: Holder,
        service_type: str,
        *,
        format: Literal["xml", "json", "fhir"] = "xml",
        from_: int | None = None,
        to: int | None = None,
    ) -> str:
        """Get a report of what the library holds of one service type for this contract.

        Args:
            user_access_token: The user's token, or a user of the token store.
            service_type: The reference of a service type, such as "spotify" or "medmij".
            format: The format of the report.
            from_: The start of the period, in seconds since the epoch.
            to: The end of the period, in seconds since the epoch.

        Returns:
            The report as one text, of up to 512 MB.

        Raises:
            NotFound: The service type is unknown.
            InvalidRequest: The format or the period is wrong. The message names it.
            InvalidContractDataRequest: The contract is not for reading.
            InvalidToken: The token is unknown or was revoked, and refreshing it did not help.
            UnknownUser: The token store has no token of this user.

        Protocol 12.3.
        """
        call = contracts.portability_report(self._core, user_access_token, service_type, format, from_, to)
        return self._drive(call)
