"""The platform in memory."""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from privateshare import AsyncPrivateShare, PrivateShare
from privateshare.errors import ApiError, ConfigurationError
from privateshare.protocol import jwt
from privateshare.protocol.addresses import API_PATH
from privateshare.protocol.catalogue import ServiceType, catalogue, object_type_of
from privateshare.protocol.object_time import DIGIME, FHIR
from privateshare.testing.http_server import make_handler
from privateshare.testing.state import (
    APPLICATION,
    CONSENTED,
    CONTRACT,
    Journey,
    LentFile,
    PlatformState,
    Pushed,
    account,
)

STOP_CHECK_SECONDS = 0.02  # Leaving the `with` block takes up to this time.


class InMemoryPlatform:
    """A platform with one contract and one person, whose library has what a test puts there. Use it in a `with` block.

    Args:
        path: A path of its host below which the platform is, such as "/share", as behind a proxy.
    """

    def __init__(self, path: str = "") -> None:
        self._state = PlatformState(path=path.rstrip("/"))
        self.base_url: str = ""

    def __enter__(self) -> "InMemoryPlatform":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(self._state))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(STOP_CHECK_SECONDS,), daemon=True)
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._server.server_port}{self._state.path}{API_PATH}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def client(self, **options: Any) -> PrivateShare:
        """Make a blocking client of this platform's contract. The options are those of `PrivateShare`."""
        return PrivateShare(APPLICATION, **(self.settings() | options))

    def async_client(self, **options: Any) -> AsyncPrivateShare:
        """Make an asyncio client of this platform's contract. The options are those of `AsyncPrivateShare`."""
        return AsyncPrivateShare(APPLICATION, **(self.settings() | options))

    def settings(self) -> dict[str, Any]:
        """Return the arguments of a client besides the application's id, which is "testapplication"."""
        pem = jwt.private_pem(self._state.contract_key)
        return {"contract_id": CONTRACT, "private_key": pem, "base_url": self.base_url}

    def lend(self, object_type: str, objects: Sequence[Mapping[str, Any]], name: str | None = None) -> str:
        """Put a file of objects into the person's library, and return its name.

        Args:
            object_type: The reference of the object type, such as "playhistory".
            objects: The objects. Those with a `resourceType` are FHIR, others are of the platform's own schema.
            name: The name of the file. A file of that name is replaced by a newer one. By default a name is made.

        Raises:
            ConfigurationError: There is no such object type.
        """
        number = object_type_of(object_type, "")
        if number is None:
            raise ConfigurationError(
                f"There is no object type {object_type!r}", hint='Give its reference, such as "playhistory"'
            )
        group = catalogue().object_types[number].group or 1
        files = self._state.files
        chosen = name or f"18_{group}_{_service_of(group)}_1_{number}_{len(files) + 1}.json"
        updated = max(int(time.time() * 1000), files[chosen].updated + 1 if chosen in files else 0)
        standard = FHIR if any("resourceType" in thing for thing in objects) else DIGIME
        data = json.dumps(list(objects)).encode()
        named = catalogue().service_groups[group].reference
        files[chosen] = LentFile(object_type, standard, data, len(objects), updated, named)
        return chosen

    def connect(self, service: ServiceType, username: str = "a person") -> str:
        """Add an account of a service to the person's library, and return its id."""
        made = account(service, username)
        self._state.accounts[made["id"]] = made
        return str(made["id"])

    def require_sign_in(self, account_id: str) -> None:
        """Make the person sign in to an account again: sessions end `partial`, and its error has `reauth`.

        This ends when the person consents on the page of `get_reauthorize_account_url`.
        """
        self._state.to_sign_in.add(self._state.accounts[account_id]["id"])

    def consent(self, url: str) -> str:
        """Agree in the person's place on the page at this address, and return the address that they come back to.

        It has a code. From the pages for a person who has consented before, it has the account that they connected.
        """
        query = parse_qs(urlsplit(url).query)
        journey = self._journey(url)
        journey.outcome = CONSENTED
        if "storageRef" in query:
            self._state.person_storage = self._state.references.pop(query["storageRef"][0])
        parameters = {"success": "true", "state": journey.state}
        if journey.challenge is not None:
            parameters["code"] = journey.code
        elif "accountRef" in query:
            self._state.to_sign_in.discard(again := self._state.references.pop(query["accountRef"][0]))
            parameters["accountReference"] = self._state.accounts[again]["reference"]
        else:
            source = catalogue().sources.get(int(query.get("service", ["0"])[0]))
            connected = self.connect(ServiceType(source.service_type) if source else ServiceType.SPOTIFY)
            parameters["accountReference"] = self._state.accounts[connected]["reference"]
        return _return_address(journey, parameters)

    def decline(self, url: str) -> str:
        """Decline in the person's place, and return the address that they come back to. The waiting session ends."""
        journey = self._journey(url)
        journey.outcome = "USER_CANCEL"
        return _return_address(journey, {"success": "false", "errorCode": "USER_CANCEL", "state": journey.state})

    @property
    def pushed(self) -> list[Pushed]:
        """The files that were pushed so far."""
        return list(self._state.pushed)

    @property
    def deletions_confirmed(self) -> int:
        """How often the app confirmed that it deleted the person's data. Protocol 16.3."""
        return self._state.deletions_confirmed

    def fail_next(self, *errors: ApiError) -> None:
        """Answer the next calls with these errors, one each, such as `TooManyRequests("wait", retry_after=1)`."""
        self._state.failures.extend(errors)

    @property
    def refreshes(self) -> int:
        """How often tokens were refreshed so far."""
        return self._state.refreshes

    def expire_access_tokens(self) -> None:
        """Make every access token invalid. Refresh tokens still work."""
        for grant in self._state.grants:
            grant.expired |= grant.access
            grant.access.clear()

    def end_rotation_grace(self) -> None:
        """End the minute in which a replaced refresh token still works. If it is used afterwards, the grant is revoked.

        This is what happens to an app that stores tokens once and uses them again days later. Protocol 4.3.
        """
        for grant in self._state.grants:
            grant.refresh = {token: None if at is None else 0.0 for token, at in grant.refresh.items()}

    def stop(self) -> None:
        """End the person's consent: no token works any more."""
        self._state.grants.clear()

    def _journey(self, url: str) -> Journey:
        return self._state.journeys[parse_qs(urlsplit(url).query)["code"][0]]


def _service_of(group: int) -> int:
    return next(entry.id for entry in catalogue().service_types.values() if entry.group == group)


def _return_address(journey: Journey, parameters: Mapping[str, str]) -> str:
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return f"{journey.redirect_uri}{'&' if '?' in journey.redirect_uri else '?'}{query}"
