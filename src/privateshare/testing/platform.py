"""The platform in memory, as a test holds it."""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from privateshare import AsyncPrivateShare, PrivateShare
from privateshare.errors import ApiError
from privateshare.protocol import jwt
from privateshare.protocol.addresses import API_PATH
from privateshare.protocol.catalogue import ServiceType, catalogue, object_type_of
from privateshare.protocol.object_time import DIGIME, FHIR
from privateshare.testing.serving import handler
from privateshare.testing.state import APPLICATION, CONSENTED, CONTRACT, Journey, LentFile, Pushed, State, account


class InMemoryPlatform:
    """One contract, one person, the files that a test lends. Use it with `with`.

    `path` puts it below a path of its host, such as "/share", where platforms behind a proxy may be.
    """

    def __init__(self, path: str = "") -> None:
        self._state = State(path=path.rstrip("/"))
        self.base_url: str = ""

    def __enter__(self) -> "InMemoryPlatform":
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self._state))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._server.server_port}{self._state.path}{API_PATH}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def client(self, **options: Any) -> PrivateShare:
        """The blocking SDK as this platform's contract; `options` are those of `PrivateShare`."""
        return PrivateShare(APPLICATION, **(self.settings() | options))

    def async_client(self, **options: Any) -> AsyncPrivateShare:
        """The asyncio SDK as this platform's contract; `options` are those of `AsyncPrivateShare`."""
        return AsyncPrivateShare(APPLICATION, **(self.settings() | options))

    def settings(self) -> dict[str, Any]:
        """What a client of the app's own needs beside the application's id, "testapplication"."""
        pem = jwt.private_pem(self._state.contract_key)
        return {"contract_id": CONTRACT, "private_key": pem, "base_url": self.base_url}

    def lend(self, object_type: str, objects: Sequence[Mapping[str, Any]], name: str | None = None) -> str:
        """Puts a file of objects into the person's library; its name. The same name again replaces it, as newer.

        Objects with a `resourceType` are FHIR, others of the platform's own schema.
        """
        number = object_type_of(object_type, name or "")
        group = (catalogue().object_types[number].group if number else None) or 1
        files = self._state.files
        chosen = name or f"18_{group}_{_service_of(group)}_1_{number or 0}_{len(files) + 1}.json"
        updated = max(int(time.time() * 1000), files[chosen].updated + 1 if chosen in files else 0)
        standard = FHIR if any("resourceType" in thing for thing in objects) else DIGIME
        data = json.dumps(list(objects)).encode()
        named = catalogue().service_groups[group].reference
        files[chosen] = LentFile(object_type, standard, data, len(objects), updated, named)
        return chosen

    def connect(self, service: ServiceType, username: str = "a person") -> str:
        """Adds an account of a service to the person's library; its id."""
        made = account(service, username)
        self._state.accounts[made["id"]] = made
        return str(made["id"])

    def require_sign_in(self, account_id: str) -> None:
        """The account's source wants the person to sign in again: sessions end `partial` and say `reauth`.

        Until they do, on the page of `get_reauthorize_account_url`.
        """
        self._state.to_sign_in.add(self._state.accounts[account_id]["id"])

    def consent(self, url: str) -> str:
        """What the person's browser would come back to after they agreed on the page at this address.

        That is with a code, or from the pages for a person who consented before, with the account that they connected.
        """
        query = parse_qs(urlsplit(url).query)
        journey = self._journey(url)
        journey.outcome = CONSENTED
        if "storageRef" in query:
            self._state.person_storage = self._state.references.pop(query["storageRef"][0])
        told = {"success": "true", "state": journey.state}
        if journey.challenge is not None:
            told["code"] = journey.code
        elif "accountRef" in query:
            self._state.to_sign_in.discard(again := self._state.references.pop(query["accountRef"][0]))
            told["accountReference"] = self._state.accounts[again]["reference"]
        else:
            source = catalogue().sources.get(int(query.get("service", ["0"])[0]))
            connected = self.connect(ServiceType(source.service_type) if source else ServiceType.SPOTIFY)
            told["accountReference"] = self._state.accounts[connected]["reference"]
        return _returning(journey, told)

    def decline(self, url: str) -> str:
        """What the person's browser would come back to after they declined. The session that waits for them ends."""
        journey = self._journey(url)
        journey.outcome = "USER_CANCEL"
        return _returning(journey, {"success": "false", "errorCode": "USER_CANCEL", "state": journey.state})

    @property
    def pushed(self) -> list[Pushed]:
        """What was pushed so far."""
        return list(self._state.pushed)

    def fail_next(self, *errors: ApiError) -> None:
        """Answers the next calls with these errors, one each: `TooManyRequests("wait", retry_after=1)`, say."""
        self._state.failures.extend(errors)

    @property
    def refreshes(self) -> int:
        """How often tokens were refreshed so far."""
        return self._state.refreshes

    def expire_access_tokens(self) -> None:
        """Makes every access token invalid; refresh tokens still work."""
        for grant in self._state.grants:
            grant.access.clear()

    def end_rotation_grace(self) -> None:
        """Lets the minute pass in which a refresh token that was replaced still works. Used after that, it revokes.

        As when an app stored tokens once and uses them again days later. Protocol 4.3.
        """
        for grant in self._state.grants:
            grant.refresh = {token: None if at is None else 0.0 for token, at in grant.refresh.items()}

    def stop(self) -> None:
        """The person says stop: no token works any more."""
        self._state.grants.clear()

    def _journey(self, url: str) -> Journey:
        return self._state.journeys[parse_qs(urlsplit(url).query)["code"][0]]


def _service_of(group: int) -> int:
    return next(entry.id for entry in catalogue().service_types.values() if entry.group == group)


def _returning(journey: Journey, told: Mapping[str, str]) -> str:
    query = "&".join(f"{name}={value}" for name, value in told.items())
    return f"{journey.redirect_uri}{'&' if '?' in journey.redirect_uri else '?'}{query}"
