"""The newest token of each user, and how the asyncio client refreshes it."""

import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from privateshare.errors import ConfigurationError, InvalidToken
from privateshare.sdk.concurrency.on_asyncio import UninterruptedWork, notify, outcome, own_store
from privateshare.sdk.core import Core
from privateshare.sdk.drivers.stored_tokens import check_own, is_useless, unknown_user
from privateshare.sdk.flow import Flow
from privateshare.sdk.flows import oauth
from privateshare.sdk.token_stores import AsyncTokenStore, SharedAsyncTokenStore
from privateshare.sdk.tokens import NOT_KEPT, Holder, StoredUser, TokenNotKeptWarning, UserAccessToken, check_holder


class AsyncTokenRenewal:
    """Gives flows their tokens. Simultaneous requests for a refresh cause one, in all threads and processes."""

    def __init__(self, core: Core, drive: Callable[[Flow[UserAccessToken]], Awaitable[UserAccessToken]]) -> None:
        self._core, self._drive = core, drive
        self._store = own_store(core.token_store)
        self._refreshes = UninterruptedWork()

    async def newest(self, holder: Holder) -> UserAccessToken:
        """Return the newest known token of a user. Raise UnknownUser for a user who is not in the store."""
        check_holder(holder)
        if isinstance(holder, UserAccessToken):
            return self._core.tokens.newest(holder)
        store = self.store()
        kept = await store.get(holder.key)
        if kept is None:
            raise unknown_user(holder)
        check_own(holder, kept, self._core.configuration.client_id)
        newest = self._core.tokens.newest(kept)
        if newest is not kept and holder.key in self._core.unsaved:
            await self._save(store, holder, newest)
        return newest

    async def refresh(self, holder: Holder, stale: UserAccessToken, *, is_asked: bool = False) -> UserAccessToken:
        """Return the token that replaces a stale one. The app is told of a new token before anyone uses it.

        A refresh that has begun is finished, even if everyone who waits for it is cancelled.

        Args:
            holder: Whose token it is.
            stale: The token to replace.
            is_asked: Whether the app asked for the refresh. It then gets the new token as the result of its call.
        """
        known = await self.newest(holder)
        if known.access_token.value != stale.access_token.value:
            return known
        future, is_ours = self._core.tokens.begin(known)
        if not is_ours:
            return await outcome(future)
        return await self._refreshes.run(partial(self._renew, holder, known, is_asked=is_asked))

    async def forget(self, holder: Holder) -> None:
        """Delete the token of a user who was deleted."""
        if isinstance(holder, StoredUser):
            await self.store().delete(holder.key)

    async def close(self) -> None:
        """Wait until no token is being refreshed."""
        await self._refreshes.wait()

    def store(self) -> AsyncTokenStore:
        """Return the app's token store. Raise ConfigurationError if it has none."""
        if self._store is None:
            raise ConfigurationError("This client has no store of tokens", hint="Give it a token_store")
        return self._store

    async def _renew(self, holder: Holder, known: UserAccessToken, *, is_asked: bool) -> UserAccessToken:
        try:
            is_new, new = await self._replacement(holder, known)
        except BaseException as error:  # Others wait for this refresh, so they get any error.
            self._core.tokens.end(known, error)
            raise
        try:
            if is_new and self._core.on_access_token_change is not None:
                await notify(self._core.on_access_token_change, new)
        finally:
            self._core.tokens.end(known, new)
        if is_new and not is_asked:
            self._warn_unless_kept(holder)
        return new

    async def _replacement(self, holder: Holder, known: UserAccessToken) -> tuple[bool, UserAccessToken]:
        """Return the token that replaces one, and whether it is new: another process may have refreshed it before."""
        core = self._core
        if isinstance(holder, UserAccessToken):
            return True, await self._drive(oauth.refresh(core, known))
        store = self.store()
        async with _locked(store, holder.key):
            kept = await self.newest(holder)
            if kept.access_token.value != known.access_token.value:
                return False, kept
            try:
                new = await self._drive(oauth.refresh(core, kept))
            except InvalidToken as error:
                if is_useless(kept, error, core.configuration.client_id) and await store.get(holder.key) == kept:
                    await store.delete(holder.key)
                raise
            core.tokens.remember(kept, new)
            await self._save(store, holder, new)
            return True, new

    async def _save(self, store: AsyncTokenStore, holder: StoredUser, new: UserAccessToken) -> None:
        """Write a new token to the store. If that fails, this client remembers it and writes it later."""
        self._core.unsaved.add(holder.key)
        await store.put(holder.key, new)
        self._core.unsaved.discard(holder.key)

    def _warn_unless_kept(self, holder: Holder) -> None:
        is_kept = isinstance(holder, StoredUser) or self._core.on_access_token_change is not None
        if not is_kept and not self._core.has_warned.is_set():
            self._core.has_warned.set()
            warnings.warn(TokenNotKeptWarning(NOT_KEPT), stacklevel=2)


@asynccontextmanager
async def _locked(store: AsyncTokenStore, key: str) -> AsyncIterator[None]:
    """Lock a user's entry. A store that cannot be shared is used by one process only and needs no lock."""
    if isinstance(store, SharedAsyncTokenStore):
        async with store.locked(key):
            yield
    else:
        yield
