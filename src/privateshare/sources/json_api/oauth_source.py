"""A source with a JSON API at which the operator registered the platform as an OAuth client."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Self
from urllib.parse import urlsplit

from privateshare.sources.configuration import ClientSettings
from privateshare.sources.contract import JsonObject, SignIn
from privateshare.sources.json_api.source import JsonApiSource


class OAuthApiSource(JsonApiSource):
    """A source that people sign in to with OAuth, by the operator's client id.

    Attributes:
        sites: The origins of the provider's servers, by name. One of them is `api`.
    """

    sites: ClassVar[Mapping[str, str]]

    def __init__(self, client: ClientSettings, at: str | None = None) -> None:
        """Take the operator's registration.

        Args:
            client: The client id and secret.
            at: The origin of one server that stands for all of the provider's, for tests.
        """
        self._client_settings, self._at = client, at

    def at(self, address: str) -> Self:
        """Return the same source with one server in place of all of the provider's, for tests."""
        return type(self)(self._client_settings, address)

    def site(self, address: str) -> str:
        """Return the address of a page of the provider, such as `web/login/oauth/authorize`."""
        name, _, path = address.partition("/")
        found = f"{self.sites[name].rstrip('/')}/{path}"
        return found if self._at is None else f"{self._at}{urlsplit(found).path}"

    def api(self, known: JsonObject) -> str:
        """Return the address of the API, which is the same for all accounts."""
        del known
        return self.site("api/")

    @abstractmethod
    def sign_in(self, known: JsonObject) -> SignIn:
        """Return the sign-in parameters."""

    def oauth(self, authorize: str, token: str, scope: str, revoke: str | None = None) -> SignIn:
        """Build the parameters of a sign-in with the operator's registration."""
        return SignIn(
            authorization_endpoint=self.site(authorize),
            token_endpoint=self.site(token),
            revocation_endpoint=self.site(revoke) if revoke else None,
            client_id=self._client_settings.client_id,
            client_secret=self._client_settings.secret,
            client_authentication="client_secret_post",
            scope=scope,
        )
