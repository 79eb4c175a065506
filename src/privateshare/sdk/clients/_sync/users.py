# Generated from `sdk/clients/_async/users.py` by `make sync-client`. Do not edit.
"""Users of an app as handles of the blocking client. Their tokens are in the app's store."""

from dataclasses import dataclass, field

from privateshare.sdk.arguments import check_kind
from privateshare.sdk.token_stores import TokenStore
from privateshare.sdk.tokens import StoredUser, UserAccessToken


@dataclass(frozen=True, slots=True)
class User(StoredUser):
    """A user of the app, by the app's own key. Calls take it in place of a token.

    Each call reads the newest token from the store. A refreshed token is written to the store before it is used, by one
    thread of one process at a time.
    """

    _store: TokenStore = field(repr=False, compare=False)

    def keep(self, token: UserAccessToken) -> None:
        """Store the token of a person who consented, in place of the one that is there.

        Raises:
            ConfigurationError: This is not a token, or the file of a `FileTokenStore` cannot be written.
        """
        check_kind("token", token, UserAccessToken, "the UserAccessToken of exchange_code_for_token(…)")
        self._store.put(self.key, token)

    def token(self) -> UserAccessToken | None:
        """Return the newest token, or None if there is none.

        Raises:
            ConfigurationError: The file of a `FileTokenStore` cannot be read.
        """
        return self._store.get(self.key)

    def forget(self) -> None:
        """Delete the token from the store. The consent goes on until the person or `delete_user` ends it.

        Raises:
            ConfigurationError: The file of a `FileTokenStore` cannot be written.
        """
        self._store.delete(self.key)
