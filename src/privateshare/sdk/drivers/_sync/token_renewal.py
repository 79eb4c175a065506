# Generated from `sdk/drivers/_async/token_renewal.py` by `make sync-client`. Do not edit.
"""The newest token of each user, and how the blocking client refreshes it."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from privateshare.errors import ConfigurationError, InvalidToken
from privateshare.sdk.concurrency.on_threads import UninterruptedWork, notify, outcome, own_store
from privateshare.sdk.core import Core
from privateshare.sdk.drivers.stored_tokens import check_own, is_useless, unknown_user
from privateshare.sdk.flow import Flow
from privateshare.sdk.flows import oauth
from privateshare.sdk.token_stores import SharedAsyncTokenStore, TokenStore
from privateshare.sdk.tokens import NOT_KEPT, Holder, StoredUser, TokenNotKeptWarning, UserAccessToken, check_holder


class TokenRenewal:
    """Gives flows their tokens. Simultaneous requests for a refresh cause one, in all threads and processes."""

    def __init__(self, core: Core, drive: Callable[[Flow[UserAccessToken]], UserAccessToken]) -> None:
        self._core, self._drive = core, drive
        self._store = own_store(core.token_store)
        self._refreshes = UninterruptedWork()

    def newest(self, holder: Holder) -> UserAccessToken:
        """Return the newest known token of a user. Raise UnknownUser for a user who is not in the store."""
        check_holder(holder)
        if isinstance(holder, UserAccessToken):
            return self._core.tokens.newest(holder)
        store = self.store()
        kept = store.get(holder.key)
        if kept is None:
            raise unknown_user(holder)
        check_own(holder, kept, self._core.configuration.client_id)
        newest = self._core.tokens.newest(kept)
        if newest is not kept and holder.key in self._core.unsaved:
            self._save(store, holder, newest)
        return newest

    def refresh(self, holder: Holder, stale: UserAccessToken, *, is_asked: bool = False) -> UserAccessToken:
        """Return the token that replaces a stale one. The app is told of a new token before anyone uses it.

        A refresh that has begun is finished, even if everyone who waits for it is cancelled.

        Args:
            holder: Whose token it is.
            stale: The token to replace.
            is_asked: Whether the app asked for the refresh. It then gets the new token as the result of its call.
        """
        known = self.newest(holder)
        if known.access_token.value != stale.access_token.value:
            return known
        future, is_ours = self._core.tokens.begin(known)
        if not is_ours:
            return outcome(future)
        return self._refreshes.run(partial(self._renew, holder, known, is_asked=is_asked))

    def forget(self, holder: Holder) -> None:
        """Delete the token of a user who was deleted."""
        if isinstance(holder, StoredUser):
            self.store().delete(holder.key)

    def close(self) -> None:
        """Wait until no token is being refreshed."""
        self._refreshes.wait()

    def store(self) -> TokenStore:
        """Return the app's token store. Raise ConfigurationError if it has none."""
        if self._store is None:
            raise ConfigurationError("This client has no store of tokens", hint="Give it a token_store")
        return self._store

    def _renew(self, holder: Holder, known: UserAccessToken, *, is_asked: bool) -> UserAccessToken:
        try:
            is_new, new = self._replacement(holder, known)
        except BaseException as error:  # Others wait for this refresh, so they get any error.
            self._core.tokens.end(known, error)
            raise
        try:
            if is_new and self._core.on_access_token_change is not None:
                notify(self._core.on_access_token_change, new)
        finally:
            self._core.tokens.end(known, new)
        if is_new and not is_asked:
            self._warn_unless_kept(holder)
        return new

    def _replacement(self, holder: Holder, known: UserAccessToken) -> tuple[bool, UserAccessToken]:
        """Return the token that replaces one, and whether it is new: another process may have refreshed it before."""
        core = self._core
        if isinstance(holder, UserAccessToken):
            return True, self._drive(oauth.refresh(core, known))
        store = self.store()
        with _locked(store, holder.key):
            kept = self.newest(holder)
            if kept.access_token.value != known.access_token.value:
                return False, kept
            try:
                new = self._drive(oauth.refresh(core, kept))
            except InvalidToken as error:
                if is_useless(kept, error, core.configuration.client_id) and store.get(holder.key) == kept:
                    store.delete(holder.key)
                raise
            core.tokens.remember(kept, new)
            self._save(store, holder, new)
            return True, new

    def _save(self, store: TokenStore, holder: StoredUser, new: UserAccessToken) -> None:
        """Write a new token to the store. If that fails, this client remembers it and writes it later."""
        self._core.unsaved.add(holder.key)
        store.put(holder.key, new)
        self._core.unsaved.discard(holder.key)

    def _warn_unless_kept(self, holder: Holder) -> None:
        is_kept = isinstance(holder, StoredUser) or self._core.on_access_token_change is not None
        if not is_kept and not self._core.has_warned.is_set():
            self._core.has_warned.set()
            warnings.warn(TokenNotKeptWarning(NOT_KEPT), stacklevel=2)


@contextmanager
def _locked(store: TokenStore, key: str) -> Iterator[None]:
    """Lock a user's entry. A store that cannot be shared is used by one process only and needs no lock."""
    if isinstance(store, SharedAsyncTokenStore):
        with store.locked(key):
            yield
    else:
        yield
