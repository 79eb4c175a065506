"""Users of an app as handles of the asyncio client. Their tokens are in the app's store."""

from dataclasses import dataclass, field

from privateshare.sdk.arguments import check_kind
from privateshare.sdk.token_stores import AsyncTokenStore
from privateshare.sdk.tokens import StoredUser, UserAccessToken


@dataclass(frozen=True, slots=True)
class AsyncUser(StoredUser):
    """A user of the app, by the app's own key. Calls take it in place of a token.

    Each call reads the newest token from the store. A refreshed token is written to the store before it is used, by one
    thread of one process at a time.
    """

    _store: AsyncTokenStore = field(repr=False, compare=False)

    async def keep(self, token: UserAccessToken) -> None:
        """Store the token of a person who consented, in place of the one that is there.

        Raises:
            ConfigurationError: This is not a token, or the file of a `FileTokenStore` cannot be written.
        """
        check_kind("token", token, UserAccessToken, "the UserAccessToken of exchange_code_for_token(…)")
        await self._store.put(self.key, token)

    async def token(self) -> UserAccessToken | None:
        """Return the newest token, or None if there is none.

        Raises:
            ConfigurationError: The file of a `FileTokenStore` cannot be read.
        """
        return await self._store.get(self.key)

    async def forget(self) -> None:
        """Delete the token from the store. The consent goes on until the person or `delete_user` ends it.

        Raises:
            ConfigurationError: The file of a `FileTokenStore` cannot be written.
        """
        await self._store.delete(self.key)
