"""Last.fm's API, for people who sign in by its web authentication (last.fm/api/webauth).

It is older than OAuth: Last.fm sends the person back with a token, for which the platform gets a session key that does
not expire. Calls are signed with the shared secret of the operator's API account. They are sent as forms, so that no
address has a key.

Last.fm redirects to any address that a link names, and has nothing like PKCE. So whoever gets a person to approve such
a link gets a token that works here. A sign-in is therefore no proof of who somebody is (`proves_person`). ADR 69.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import md5
from typing import Any
from urllib.parse import urlencode

import httpx2

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.configuration import ClientSettings
from privateshare.sources.contract import (
    Broken,
    Identity,
    JsonObject,
    NeedsLogin,
    ObjectSchema,
    RequestLimit,
    SignIn,
    Source,
    SourceInfo,
    TryLater,
)
from privateshare.sources.json_api.listing import Listing, NewestFirst, Wanted
from privateshare.sources.json_api.oauth_source import OAuthApiSource
from privateshare.sources.json_api.paging import earlier_page, field_at
from privateshare.sources.json_api.requests import USER_AGENT, ApiClient, ApiRequest, ApiRules, requested_pause
from privateshare.sources.json_api.values import required_text
from privateshare.sources.lastfm.configuration import Settings
from privateshare.sources.lastfm.listenbrainz_mapping import account_id
from privateshare.sources.lastfm.mapping import id_of, is_playing, played_at, scrobble
from privateshare.sources.lastfm.source import EXPORT
from privateshare.sources.object_building import dict_of
from privateshare.sources.routes import UploadOrSignIn
from privateshare.sources.web import open_client, read_object, retry_after_seconds

ID = 9045
PATH = "2.0/"
PAGE_SIZE = 200
MAX_SESSION_BYTES, MAX_SESSION_SECONDS = 64 * 1024, 20
NOT_SIGNED = ("format", "callback")
# The numbers of errors, as last.fm/api/errorcodes has them.
SIGN_IN_AGAIN = (4, 9, 14, 15, 17)
TRY_LATER = (8, 11, 16)
OPERATOR_MUST_ACT = (10, 13, 26)
RATE_LIMIT = 29


def signed(parameters: Mapping[str, str | int], secret: str) -> dict[str, str | int]:
    """Add the signature of a call: the MD5 of its sorted parameters and the shared secret (last.fm/api/authspec)."""
    together = "".join(f"{name}{value}" for name, value in sorted(parameters.items()) if name not in NOT_SIGNED)
    digest = md5((together + secret).encode(), usedforsecurity=False).hexdigest()
    return {**parameters, "api_sig": digest}


def pause(response: httpx2.Response) -> int | None:
    """Return the seconds to wait if the API says that there were too many requests, and raise what else it says.

    Its errors have a number in the content, whatever the status is.
    """
    error = (read_object(response) or {}).get("error")
    if error == RATE_LIMIT:
        return retry_after_seconds(response)
    check_error(error)
    return requested_pause(response)


def check_error(error: object) -> None:
    """Raise the failure that the number of an error stands for; nothing for others."""
    if error in SIGN_IN_AGAIN:
        raise NeedsLogin("Last.fm does not accept the session key")
    if error in TRY_LATER:
        raise TryLater("Last.fm is not available")
    if error in OPERATOR_MUST_ACT:
        raise Broken("Last.fm does not accept this platform. Tell those who run it that their API key is not valid.")


def tracks_of(content: Any) -> list[Any]:
    """Return the tracks of a page without the one that is playing. A single one is not in a list.

    Raises ValueError if there are none.
    """
    found = field_at(content, "recenttracks", "track")
    tracks = [found] if isinstance(found, dict) else found
    if not isinstance(tracks, list):
        raise ValueError("the response has no tracks")
    return [track for track in tracks if not (isinstance(track, dict) and is_playing(track))]


@dataclass(frozen=True, slots=True)
class LastFmSignIn:
    """The web authentication of Last.fm. `address` is that of the API, `page` that of the page for people."""

    page: str
    address: str
    key: str
    secret: str = field(repr=False)

    def start(self, redirect_uri: str, state: str) -> str:
        """Return the address of the page. Last.fm adds its token to the parameters of the callback."""
        callback = f"{redirect_uri}?{urlencode({'state': state})}"
        return f"{self.page}?{urlencode({'api_key': self.key, 'cb': callback})}"

    def exchange(self, code: str) -> JsonObject:
        """Return the session key for a token, which works once. Raises NeedsLogin, TryLater or Broken."""
        call = {"method": "auth.getSession", "api_key": self.key, "token": code}
        form = {**signed(call, self.secret), "format": "json"}
        with open_client({"user-agent": USER_AGENT}, MAX_SESSION_BYTES, MAX_SESSION_SECONDS) as client:
            response = client.post(self.address, data=form)
        content = read_object(response) or {}
        if content.get("error") == RATE_LIMIT:
            raise TryLater("Last.fm limits requests", retry_after_seconds(response), limited=True)
        check_error(content.get("error"))
        response.raise_for_status()
        session = dict_of(content.get("session"))
        return {"access_token": required_text(session.get("key")), "user": required_text(session.get("name"))}


class LiveLastFm(OAuthApiSource):
    """The source 9045 for those who sign in."""

    info = SourceInfo(
        id=ID,
        service_type=ID,
        service_group=ServiceGroup.ENTERTAINMENT,
        object_types=(ObjectType.PLAY_HISTORY,),
        schema=ObjectSchema("digime", "1.0.0"),
        signs_in=True,
        proves_person=False,
        resumes=True,
        limits=(RequestLimit(5, 1),),
    )
    sites = {"api": "https://ws.audioscrobbler.com", "web": "https://www.last.fm"}

    def __init__(self, client: ClientSettings, at: str | None = None) -> None:
        super().__init__(client, at)
        key, secret = client.client_id, client.secret or ""

        def sign(request: ApiRequest, token: str) -> ApiRequest:
            form = signed({**request.form, "api_key": key, "sk": token}, secret)
            return replace(request, form={**form, "format": "json"})

        self.rules = ApiRules(pause=pause, sign=sign)
        self.listings = (
            Listing(
                "plays",
                ObjectType.PLAY_HISTORY,
                _recent_tracks,
                tracks_of,
                scrobble,
                earlier_page("to", played_at, PAGE_SIZE),
                NewestFirst(id_of),
            ),
        )

    def sign_in(self, known: JsonObject) -> SignIn:
        """Return the parameters of the sign-in."""
        del known
        client = self._client_settings
        page, address = self.site("web/api/auth/"), self.site(f"api/{PATH}")
        return SignIn(
            page,
            address,
            client.client_id,
            "",
            own=LastFmSignIn(page, address, client.client_id, client.secret or ""),
            code_parameter="token",
        )

    def owner(self, client: ApiClient, known: JsonObject) -> Identity:
        """Ask whose session key it is."""
        del known
        reply = client.get(ApiRequest(PATH, form={"method": "user.getInfo"}))
        name = required_text(field_at(reply.content, "user", "name"))
        return Identity(account_id(name), name, "USER")


def _recent_tracks(wanted: Wanted) -> ApiRequest:
    return ApiRequest(PATH, form={"method": "user.getRecentTracks", "user": wanted.owner, "limit": PAGE_SIZE})


def configured(settings: Settings) -> Sequence[Source]:
    """Return the source of exports with a sign-in too, by the operator's API account."""
    return (UploadOrSignIn(EXPORT, LiveLastFm(settings, settings.origin)),)
