"""The APIs of all sources, with what their contract tests need to know of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import ECKey

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.bluesky.signing_in import SignedInBluesky, client_id_of
from privateshare.sources.bluesky.source import EXPORT as BLUESKY
from privateshare.sources.bluesky.source import LiveBluesky
from privateshare.sources.configuration import ClientSettings
from privateshare.sources.contract import Source
from privateshare.sources.github.live import LiveGitHub
from privateshare.sources.github.source import EXPORT as GITHUB
from privateshare.sources.google_fitness.source import SOURCES as GOOGLE_FITNESS
from privateshare.sources.google_health.configuration import Settings as GoogleHealthSettings
from privateshare.sources.google_health.live import LiveGoogleHealth
from privateshare.sources.json_api.oauth_source import OAuthApiSource
from privateshare.sources.lastfm.live import LiveLastFm
from privateshare.sources.lastfm.source import EXPORT as LASTFM
from privateshare.sources.listenbrainz.source import EXPORT as LISTENBRAINZ
from privateshare.sources.listenbrainz.source import LiveListenBrainz
from privateshare.sources.mastodon.source import EXPORT as MASTODON
from privateshare.sources.mastodon.source import LiveMastodon
from privateshare.sources.oura.configuration import Settings as OuraSettings
from privateshare.sources.oura.source import LiveOura
from privateshare.sources.reddit.live import LiveReddit
from privateshare.sources.reddit.source import SOURCES as REDDIT
from privateshare.sources.routes import UploadOrAnswers, UploadOrSignIn, UploadOrSignInAtServer
from privateshare.sources.spotify.live import LiveSpotify
from privateshare.sources.spotify.source import Spotify
from privateshare.sources.strava.live import LiveStrava
from privateshare.sources.strava.source import Strava
from privateshare.sources.typed_servers import TypedServers
from privateshare.sources.wearables.source import SOURCES as WEARABLES
from privateshare.sources.withings.source import LiveWithings
from privateshare.testing.api_server import Answer, Api, ApiServer
from tests.apis import (
    atproto,
    bluesky,
    github,
    google_health,
    lastfm,
    listenbrainz,
    mastodon,
    oura,
    reddit,
    spotify,
    strava,
    withings,
)


@dataclass(frozen=True)
class Case:
    """A source and its API.

    Attributes:
        api: Builds the API.
        source: Builds the source for the API at an address.
        counts: How many objects of each type there are.
        path: The path of a list, at which tests make faults.
        kind: The type of its objects.
        pages: How many pages the list has.
        add: Adds an item to a list, and returns its type.
        delete: Deletes an object, and returns its type; None if the API does not show what was deleted.
        spoil: Adds an item that cannot be read; None if that is not possible.
        mislead: Answers with a next page at another address; None if pages have no addresses.
        requests_to_resume: How many requests are enough to go on after the first page.
        revokes: Whether the platform can give access back.
    """

    api: Callable[[], Api]
    source: Callable[[str], Source]
    counts: Mapping[int, int]
    path: str
    kind: int
    pages: int
    add: Callable[[ApiServer], int]
    delete: Callable[[ApiServer], int] | None = None
    spoil: Callable[[ApiServer, Any], None] | None = None
    mislead: Callable[[str], Answer] | None = None
    requests_to_resume: int = 10
    revokes: bool = True


def adds(path: str, item: Any, kind: int, *, at_end: bool = False) -> Callable[[ApiServer], int]:
    """Return a function that adds an item at the beginning or the end of a list."""

    def add(server: ApiServer) -> int:
        items = server.api.lists[path].items
        items.insert(len(items) if at_end else 0, item)
        return kind

    return add


def deletes(path: str, kind: int, index: int = 2) -> Callable[[ApiServer], int]:
    """Return a function that deletes an item of a list."""

    def delete(server: ApiServer) -> int:
        del server.api.lists[path].items[index]
        return kind

    return delete


def spoils(path: str) -> Callable[[ApiServer, Any], None]:
    """Return a function that adds an item that cannot be read."""
    return lambda server, junk: server.api.lists[path].items.insert(1, junk)


POST, COMMENT, LIKE, USER = ObjectType.POST, ObjectType.COMMENT, ObjectType.LIKE, ObjectType.SOCIAL_NETWORK_USER
PROFILE = ObjectType.PROFILE
STATUSES = "/api/v1/accounts/id-ann/statuses"

CALLBACK = "http://127.0.0.1/apps/saas/connected"
EC_KEY = ECKey.generate_key("P-256").as_pem(private=True).decode()
CLIENT = {"client_id": "client", "client_secret": "client-secret"}
ISSUES, ACTIVITIES, TRACKS = "/issues", "/api/v3/athlete/activities", "/v1/me/tracks"
RECORDS, DAYS, MEASURES = "/xrpc/com.atproto.repo.listRecords", "/v2/usercollection/daily_activity", "/measure"
EXERCISES = f"{google_health.BASE}/exercise/dataPoints:reconcile"
LISTENS, SUBMITTED = "/1/user/ann/listens", "/user/ann/submitted"


def of_client(source: type[OAuthApiSource]) -> Callable[[str], OAuthApiSource]:
    """Return a function that builds a source with a sign-in by the client id of the local servers."""
    return lambda address: source(ClientSettings.model_validate(CLIENT), address)


def with_uploads(uploads: Source, source: type[OAuthApiSource]) -> Callable[[str], Source]:
    """Return a function that builds a source with a sign-in beside uploads."""
    return lambda address: UploadOrSignIn(uploads, of_client(source)(address))


def oura_at(address: str) -> Source:
    """Build the source Oura, whose endpoints for signing in are settings."""
    endpoints = {f"{name}_endpoint": f"{address}/oauth/{path}" for name, path in OURA_PATHS.items()}
    return UploadOrSignIn(EXPORTS[9023], LiveOura(OuraSettings.model_validate(CLIENT | endpoints), address))


def google_health_at(address: str) -> Source:
    """Build the source Fitbit with Google Health, whose history begins not long before what there is."""
    first_day = google_health.today() - timedelta(days=google_health.DAYS_AGO + 10)
    live = LiveGoogleHealth(GoogleHealthSettings.model_validate(CLIENT), address, first_day)
    return UploadOrSignIn(GOOGLE_FITNESS[0], live)


EXPORTS = {source.info.id: source for source in WEARABLES}
OURA_PATHS = {"authorization": "authorize", "token": "token"}
PRIVATE = TypedServers(private=True)

CASES = {
    "mastodon": Case(
        api=mastodon.mastodon,
        source=lambda _: UploadOrSignInAtServer(MASTODON, LiveMastodon(PRIVATE)),
        counts={PROFILE: 1, POST: 95, LIKE: 50, USER: 103},
        path=STATUSES,
        kind=POST,
        pages=3,
        requests_to_resume=3,
        add=adds(STATUSES, mastodon.status(200), POST),
        delete=deletes(STATUSES, POST),
        spoil=spoils(STATUSES),
        mislead=lambda address: (200, {"Link": f'<{address}>; rel="next"'}, [mastodon.status(1)]),
    ),
    "github": Case(
        api=github.github,
        source=with_uploads(GITHUB, LiveGitHub),
        counts={PROFILE: 1, POST: 250, COMMENT: 2, LIKE: 20, USER: 5},
        path=ISSUES,
        kind=POST,
        pages=3,
        requests_to_resume=3,
        add=adds(ISSUES, github.issue(251), POST),
        delete=deletes("/user/starred", LIKE),
        spoil=spoils(ISSUES),
        mislead=lambda address: (200, {"Link": f'<{address}>; rel="next"'}, [github.issue(1)]),
    ),
    "strava": Case(
        api=strava.strava,
        source=with_uploads(Strava(), LiveStrava),
        counts={ObjectType.ACTIVITY: 320},
        path=ACTIVITIES,
        kind=ObjectType.ACTIVITY,
        pages=2,
        requests_to_resume=1,
        add=adds(ACTIVITIES, strava.activity(330), ObjectType.ACTIVITY),
        delete=deletes(ACTIVITIES, ObjectType.ACTIVITY),
        spoil=spoils(ACTIVITIES),
    ),
    "spotify": Case(
        api=spotify.spotify,
        source=with_uploads(Spotify(), LiveSpotify),
        counts={
            ObjectType.PLAY_HISTORY: 40,
            ObjectType.SAVED_TRACK: 120,
            ObjectType.SAVED_ALBUM: 6,
            ObjectType.PLAYLIST: 2,
            ObjectType.FOLLOWED_ARTIST: 5,
        },
        path=TRACKS,
        kind=ObjectType.SAVED_TRACK,
        revokes=False,
        pages=3,
        requests_to_resume=2,
        add=adds(TRACKS, spotify.saved(125), ObjectType.SAVED_TRACK),
        delete=deletes("/v1/me/playlists", ObjectType.PLAYLIST, 1),
        spoil=spoils(TRACKS),
        mislead=lambda address: (200, {}, {"items": [], "next": address}),
    ),
    "bluesky": Case(
        api=bluesky.bluesky,
        source=lambda address: UploadOrAnswers(BLUESKY, LiveBluesky(PRIVATE, address)),
        counts={PROFILE: 1, POST: 230, LIKE: 30, USER: 122},
        path=RECORDS,
        kind=POST,
        revokes=False,
        pages=3,
        requests_to_resume=4,
        add=adds(RECORDS, bluesky.post(240), POST),
        delete=deletes(RECORDS, POST),
        spoil=spoils(RECORDS),
    ),
    "bluesky-signed-in": Case(
        api=lambda: atproto.atproto(client_id_of(CALLBACK)),
        source=lambda address: UploadOrSignInAtServer(BLUESKY, SignedInBluesky(EC_KEY, PRIVATE, address, address)),
        counts={PROFILE: 1, POST: 230, LIKE: 30, USER: 122},
        path=RECORDS,
        kind=POST,
        pages=3,
        requests_to_resume=4,
        add=adds(RECORDS, bluesky.post(240), POST),
        delete=deletes(RECORDS, POST),
        spoil=spoils(RECORDS),
    ),
    "oura": Case(
        api=oura.oura,
        source=oura_at,
        counts={ObjectType.ACTIVITY: 60, ObjectType.DAILY_ACTIVITY_SUMMARY: 110, ObjectType.SLEEP: 20},
        path=DAYS,
        kind=ObjectType.DAILY_ACTIVITY_SUMMARY,
        pages=3,
        requests_to_resume=2,
        add=adds(DAYS, oura.active_day(120), ObjectType.DAILY_ACTIVITY_SUMMARY, at_end=True),
        spoil=spoils(DAYS),
    ),
    "withings": Case(
        api=withings.withings,
        source=with_uploads(EXPORTS[9024], LiveWithings),
        counts={ObjectType.BODY_COMPOSITION_SUMMARY: 90, ObjectType.SLEEP: 30},
        path=MEASURES,
        kind=ObjectType.BODY_COMPOSITION_SUMMARY,
        revokes=False,
        pages=3,
        requests_to_resume=2,
        add=adds(MEASURES, withings.weighing(120), ObjectType.BODY_COMPOSITION_SUMMARY, at_end=True),
        spoil=spoils(MEASURES),
    ),
    "googlehealth": Case(
        api=google_health.google_health,
        source=google_health_at,
        counts={
            ObjectType.ACTIVITY: 60,
            ObjectType.SLEEP: 30,
            ObjectType.BODY_COMPOSITION_SUMMARY: 40,
            # Those of some weeks, and today.
            ObjectType.DAILY_ACTIVITY_SUMMARY: google_health.MEASURED_DAYS + 1,
        },
        path=EXERCISES,
        kind=ObjectType.ACTIVITY,
        pages=3,
        requests_to_resume=2,
        add=adds(EXERCISES, google_health.exercise(120), ObjectType.ACTIVITY),
        spoil=spoils(EXERCISES),
    ),
    "listenbrainz": Case(
        api=listenbrainz.listenbrainz,
        source=lambda address: UploadOrAnswers(LISTENBRAINZ, LiveListenBrainz(address)),
        counts={ObjectType.PLAY_HISTORY: 270},
        path=LISTENS,
        kind=ObjectType.PLAY_HISTORY,
        revokes=False,
        pages=3,
        requests_to_resume=2,
        add=adds(LISTENS, listenbrainz.listen(300), ObjectType.PLAY_HISTORY),
        delete=deletes(LISTENS, ObjectType.PLAY_HISTORY, 20),
        spoil=spoils(LISTENS),
    ),
    "lastfm": Case(
        api=lastfm.lastfm,
        source=with_uploads(LASTFM, LiveLastFm),
        counts={ObjectType.PLAY_HISTORY: 500},
        path=lastfm.PATH,
        kind=ObjectType.PLAY_HISTORY,
        revokes=False,
        pages=3,
        requests_to_resume=2,
        add=adds(lastfm.PLAYS, lastfm.played(550), ObjectType.PLAY_HISTORY),
        delete=deletes(lastfm.PLAYS, ObjectType.PLAY_HISTORY, 20),
        spoil=spoils(lastfm.PLAYS),
    ),
    "reddit": Case(
        api=reddit.reddit,
        source=with_uploads(REDDIT[0], LiveReddit),
        counts={POST: 210, COMMENT: 30, LIKE: 15},
        path=SUBMITTED,
        kind=POST,
        pages=3,
        requests_to_resume=2,
        add=adds(SUBMITTED, reddit.post(250), POST),
        delete=deletes(SUBMITTED, POST),
        spoil=spoils(SUBMITTED),
    ),
}
APIS = [pytest.param(case, id=name) for name, case in CASES.items()]
