"""Rules about tokens in the app's store."""

from privateshare.errors import ConfigurationError, InvalidToken, UnknownUser
from privateshare.sdk.tokens import StoredUser, UserAccessToken


def unknown_user(user: StoredUser) -> UnknownUser:
    """Build the error for a user who has no token in the store."""
    return UnknownUser(f"The store has no token of the user {user.key!r}")


def check_own(user: StoredUser, token: UserAccessToken, client_id: str) -> None:
    """Raise ConfigurationError if a stored token belongs to another contract.

    The platform would refuse it, and the client would then delete a token that still works for its contract.
    """
    if token.client_id not in ("", client_id):
        raise ConfigurationError(
            f"The token of the user {user.key!r} belongs to {token.client_id}, and this client is {client_id}",
            hint="Use the client of that contract, or another store for this one",
        )


def is_useless(token: UserAccessToken, error: InvalidToken, client_id: str) -> bool:
    """Tell whether a stored token whose refresh was refused can be deleted.

    An expired token is kept, because `get_reauthorize_url` renews its grant. A token of which it is not certain that
    it belongs to this contract is kept too, because the platform refuses another contract's in the same words.
    """
    return token.client_id == client_id and "expired" not in error.message
