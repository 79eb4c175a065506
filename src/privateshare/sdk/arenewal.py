"""The newest tokens of a grant on asyncio: known to this client, or in the app's store; and how they are refreshed."""

import asyncio
import warnings
from collections.abc import Awaitable, Callable

from privateshare.errors import ConfigurationError, InvalidToken
from privateshare.sdk import flows
from privateshare.sdk.astores import held_async, on_asyncio
from privateshare.sdk.core import Core
from privateshare.sdk.flow import Flow
from privateshare.sdk.stores import AsyncTokenStore
from privateshare.sdk.tokens import NOT_KEPT, Holder, StoredUser, TokenNotKeptWarning, UserAccessToken
from privateshare.sdk.users import check_own, is_over, unknown_user
from privateshare.sdk.workers import finish


class AsyncRenewal:
    """Gives calls their tokens. Many who ask at once for a refresh cause one, in all threads and processes."""

    def __init__(self, core: Core, drive: Callable[[Flow[UserAccessToken]], Awaitable[UserAccessToken]]) -> None:
        self._core, self._drive = core, drive
        self._running: set[asyncio.Task[UserAccessToken]] = set()

    async def newest(self, who: Holder) -> UserAccessToken:
        """Return the newest token known of a grant. Raises UnknownUser for a user who is not in the store."""
        if isinstance(who, UserAccessToken):
            return self._core.tokens.newest(who)
        store = self.store()
        kept = await store.get(who.key)
        if kept is None:
            raise unknown_user(who)
        check_own(who, kept, self._core.configuration.client_id)
        newest = self._core.tokens.newest(kept)
        if newest is not kept and who.key in self._core.unsaved:
            await self._save(store, who, newest)
        return newest

    async def refresh(self, who: Holder, stale: UserAccessToken, *, is_asked: bool = False) -> UserAccessToken:
        """Return the token that takes a stale one's place. One that has begun is finished, whoever is cancelled.

        `is_asked`: it is the app that asks, and so gets the new one in its hand.
        """
        known = await self.newest(who)
        if known.access_token.value != stale.access_token.value:
            return known
        future, ours = self._core.tokens.begin(known)
        if not ours:
            return await asyncio.shield(asyncio.wrap_future(future))
        task = asyncio.create_task(self._renew(who, known, is_asked=is_asked))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def forget(self, who: Holder) -> None:
        """Forget the tokens of a user who is gone."""
        if isinstance(who, StoredUser):
            await self.store().delete(who.key)

    async def close(self) -> None:
        """Wait until no token is being refreshed."""
        if self._running:
            await asyncio.wait(self._running)

    def store(self) -> AsyncTokenStore:
        """Return the app's store. Raises ConfigurationError if it has none."""
        if self._core.token_store is None:
            raise ConfigurationError("this client has no store of tokens", hint="Give it a token_store")
        return on_asyncio(self._core.token_store)

    async def _renew(self, who: Holder, known: UserAccessToken, *, is_asked: bool) -> UserAccessToken:
        try:
            is_new, new = await self._replaced(who, known)
        except BaseException as error:  # whatever it was: others wait for this refresh
            self._core.tokens.end(known, error)
            raise
        try:
            if is_new and self._core.on_access_token_change is not None:
                await finish(await asyncio.to_thread(self._core.on_access_token_change, new))
        finally:
            self._core.tokens.end(known, new)
        if is_new and not is_asked:
            self._warn_unless_kept(who)
        return new

    async def _replaced(self, who: Holder, known: UserAccessToken) -> tuple[bool, UserAccessToken]:
        """Return the token in place of one, and whether it is new: another process may have got it before."""
        configuration, keys = self._core.configuration, self._core.keys
        if isinstance(who, UserAccessToken):
            return True, await self._drive(flows.oauth.refresh(configuration, keys, known))
        store = self.store()
        async with held_async(store, who.key):
            kept = await self.newest(who)
            if kept.access_token.value != known.access_token.value:
                return False, kept
            try:
                new = await self._drive(flows.oauth.refresh(configuration, keys, kept))
            except InvalidToken as error:
                if is_over(error, kept, configuration.client_id) and await store.get(who.key) == kept:
                    await store.delete(who.key)
                raise
            self._core.tokens.remember(kept, new)
            await self._save(store, who, new)
            return True, new

    async def _save(self, store: AsyncTokenStore, who: StoredUser, new: UserAccessToken) -> None:
        """Write a new token to the store. If that fails, this client knows it still, and tries again later."""
        self._core.unsaved.add(who.key)
        await store.put(who.key, new)
        self._core.unsaved.discard(who.key)

    def _warn_unless_kept(self, who: Holder) -> None:
        is_kept = isinstance(who, StoredUser) or self._core.on_access_token_change is not None
        if not is_kept and not self._core.has_warned.is_set():
            self._core.has_warned.set()
            warnings.warn(TokenNotKeptWarning(NOT_KEPT), stacklevel=2)
