"""The sign-in parameters of a FHIR server, from its `.well-known/smart-configuration` (SMART App Launch)."""

import time
from collections.abc import Callable

import httpx2

from privateshare.sources.contract import Broken, JsonObject, SignIn, TryLater
from privateshare.sources.fhir_server.configuration import FhirServerSettings
from privateshare.sources.web import is_safe, open_client, read_object, retry_after_seconds

CACHE_SECONDS = 3600
MAX_RESPONSE_BYTES = 256 * 1024
MAX_RESPONSE_SECONDS = 10  # People wait for this response.


class SmartConfiguration:
    """The SMART configuration of a server, cached for an hour."""

    def __init__(self, settings: FhirServerSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._known: tuple[float, SignIn] | None = None

    def sign_in(self) -> SignIn:
        """Return the sign-in parameters.

        Raises:
            TryLater: The server does not respond.
            Broken: The configuration cannot be used.
        """
        now = self._clock()
        if self._known is None or self._known[0] < now:
            self._known = now + CACHE_SECONDS, self._read(self._endpoints_of_settings() or self._request())
        return self._known[1]

    def _endpoints_of_settings(self) -> JsonObject | None:
        """Return what the operator wrote in place of a SMART configuration, if there is anything."""
        settings = self._settings
        if settings.authorization_endpoint is None:
            return None
        named = ("authorization_endpoint", "token_endpoint", "revocation_endpoint")
        return {name: getattr(settings, name) for name in named}

    def _request(self) -> JsonObject:
        address = f"{self._settings.base_url}/.well-known/smart-configuration"
        try:
            with open_client({"accept": "application/json"}, MAX_RESPONSE_BYTES, MAX_RESPONSE_SECONDS) as client:
                response = client.get(address)
        except httpx2.TransportError as error:
            raise TryLater("the server does not respond") from error
        if response.status_code in (429, 502, 503, 504):
            raise TryLater("the server is not available", retry_after_seconds(response))
        configuration = read_object(response) if response.is_success else None
        if configuration is None:
            raise self._broken()
        return configuration

    def _read(self, configuration: JsonObject) -> SignIn:
        authorize, token, revoke, push = (
            configuration.get(f"{name}_endpoint")
            for name in ("authorization", "token", "revocation", "pushed_authorization_request")
        )
        named = [authorize, token, *(address for address in (revoke, push) if address is not None)]
        if not all(isinstance(address, str) and is_safe(address) for address in named):
            raise self._broken()
        secret, key, issuer = self._settings.client_secret, self._settings.private_key, configuration.get("issuer")
        return SignIn(
            authorization_endpoint=str(authorize),
            token_endpoint=str(token),
            revocation_endpoint=revoke,
            client_id=self._settings.client_id,
            client_secret=secret.get_secret_value() if secret else None,
            client_authentication="private_key_jwt" if key else "client_secret_basic",
            private_key=key.get_secret_value() if key else None,
            pushed_authorization_endpoint=push,
            scope=self._settings.wanted_scope,
            issuer=issuer if isinstance(issuer, str) else None,
            extra={"aud": self._settings.base_url},  # Restricts the token to this server.
        )

    def _broken(self) -> Broken:
        return Broken(
            "%(name)s does not say how to sign in. Tell those who run this platform, or choose another source.",
            name=self._settings.name,
        )
