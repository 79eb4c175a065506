"""Where to sign in to a FHIR server: SMART App Launch, `.well-known/smart-configuration`."""

import time
from collections.abc import Callable

import httpx2

from privateshare.sources.contract import Broken, JsonObject, SignIn, TryLater
from privateshare.sources.fhir_server.configuration import FhirServerSettings
from privateshare.sources.web import asks_to_wait, is_safe, open_client, read_object

KEPT_SECONDS = 3600
MAX_BYTES, MAX_SECONDS = 256 * 1024, 10  # of the answer: people wait for it


class SmartConfiguration:
    """What the server says about signing in; asked for again after an hour."""

    def __init__(self, settings: FhirServerSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._clock = settings, clock
        self._known: tuple[float, SignIn] | None = None

    def sign_in(self) -> SignIn:
        """Where and as what to sign in. Raises TryLater if the server does not answer, Broken if it cannot be so."""
        now = self._clock()
        if self._known is None or self._known[0] < now:
            self._known = now + KEPT_SECONDS, self._read(self._ask())
        return self._known[1]

    def _ask(self) -> JsonObject:
        address = f"{self._settings.base_url}/.well-known/smart-configuration"
        try:
            with open_client({"accept": "application/json"}, MAX_BYTES, MAX_SECONDS) as client:
                response = client.get(address)
        except httpx2.TransportError as error:
            raise TryLater("the server does not answer") from error
        if response.status_code in (429, 502, 503, 504):
            raise TryLater("the server is not available", asks_to_wait(response))
        told = read_object(response) if response.is_success else None
        if told is None:
            raise self._broken()
        return told

    def _read(self, told: JsonObject) -> SignIn:
        authorize, token, revoke = (told.get(f"{name}_endpoint") for name in ("authorization", "token", "revocation"))
        named = [authorize, token] if revoke is None else [authorize, token, revoke]
        if not all(isinstance(address, str) and is_safe(address) for address in named):
            raise self._broken()
        secret, issuer = self._settings.client_secret, told.get("issuer")
        return SignIn(
            authorization_endpoint=str(authorize),
            token_endpoint=str(token),
            revocation_endpoint=revoke,
            client_id=self._settings.client_id,
            client_secret=secret.get_secret_value() if secret else None,
            scope=self._settings.wanted_scope,
            issuer=issuer if isinstance(issuer, str) else None,
            extra={"aud": self._settings.base_url},  # so that the token is of use with no other server
        )

    def _broken(self) -> Broken:
        return Broken(
            "%(name)s does not say how to sign in. Tell those who run this platform, or choose another source.",
            name=self._settings.name,
        )
