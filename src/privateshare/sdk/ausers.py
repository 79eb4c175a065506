"""Users of an app as handles, for asyncio: their tokens are in the app's store, and always the newest."""

from dataclasses import dataclass, field

from privateshare.sdk.stores import AsyncTokenStore
from privateshare.sdk.tokens import StoredUser, UserAccessToken


@dataclass(frozen=True, slots=True)
class AsyncUser(StoredUser):
    """A user of the app, in its token store by the app's own key. Calls take it wherever they take a token.

    Each call reads the newest pair of tokens from the store. One that is refreshed is written to it before it is used,
    by one thread and process at a time.
    """

    _store: AsyncTokenStore = field(repr=False, compare=False)

    async def keep(self, token: UserAccessToken) -> None:
        """Keep the token of a person who consented, in place of what was there."""
        await self._store.put(self.key, token)

    async def token(self) -> UserAccessToken | None:
        """Return the newest token, None if there is none."""
        return await self._store.get(self.key)

    async def forget(self) -> None:
        """Forget the token; the person's consent goes on until they or `delete_user` end it."""
        await self._store.delete(self.key)
