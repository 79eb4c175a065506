"""Users of an app as handles: their tokens are in the app's store, and always the newest.

For asyncio see `ausers.py`.
"""

from dataclasses import dataclass, field

from privateshare.errors import ConfigurationError, InvalidToken, UnknownUser
from privateshare.sdk.stores import TokenStore
from privateshare.sdk.tokens import StoredUser, UserAccessToken


@dataclass(frozen=True, slots=True)
class User(StoredUser):
    """A user of the app, in its token store by the app's own key. Calls take it wherever they take a token.

    Each call reads the newest pair of tokens from the store. One that is refreshed is written to it before it is used,
    by one thread and process at a time.
    """

    _store: TokenStore = field(repr=False, compare=False)

    def keep(self, token: UserAccessToken) -> None:
        """Keep the token of a person who consented, in place of what was there."""
        self._store.put(self.key, token)

    def token(self) -> UserAccessToken | None:
        """Return the newest token, None if there is none."""
        return self._store.get(self.key)

    def forget(self) -> None:
        """Forget the token; the person's consent goes on until they or `delete_user` end it."""
        self._store.delete(self.key)


def unknown_user(who: StoredUser) -> UnknownUser:
    """Build the error for a user of whom no token is kept."""
    return UnknownUser(f"no token of the user {who.key!r} is in the store")


def check_own(who: StoredUser, token: UserAccessToken, client_id: str) -> None:
    """Raise ConfigurationError if a kept token belongs to another contract: it would be refused, and then forgotten."""
    if token.client_id not in ("", client_id):
        raise ConfigurationError(
            f"the token of the user {who.key!r} belongs to {token.client_id}, and this client is {client_id}",
            hint="Use the client of that contract, or another store for this one",
        )


def is_over(error: InvalidToken, token: UserAccessToken, client_id: str) -> bool:
    """Whether a refused refresh means that a kept token is of no more use.

    An expired one is kept: `get_reauthorize_url` renews its grant. So is one of which it is not certain that it belongs
    to this contract, because another contract's is refused in the same words.
    """
    return token.client_id == client_id and "expired" not in error.message
