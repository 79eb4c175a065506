"""The source 15, Fitbit, for those who sign in: Google Health, the API that replaced that of Fitbit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from privateshare.protocol.catalogue import ObjectType, ServiceGroup, ServiceType
from privateshare.sources.contract import (
    Connection,
    Identity,
    JsonObject,
    ObjectSchema,
    Page,
    RequestLimit,
    SignIn,
    Skipped,
    Source,
    SourceInfo,
)
from privateshare.sources.google_fitness.source import SOURCES as EXPORTS
from privateshare.sources.google_health import mapping
from privateshare.sources.google_health.configuration import Settings
from privateshare.sources.google_health.days import CORRECTED_DAYS, FIRST_DAY, DayReader
from privateshare.sources.json_api.listing import Listing, Since, Wanted
from privateshare.sources.json_api.oauth_source import OAuthApiSource
from privateshare.sources.json_api.paging import field_at, token_page
from privateshare.sources.json_api.requests import ApiClient, ApiRequest, ApiRules
from privateshare.sources.json_api.values import required_text
from privateshare.sources.object_building import SourceAccount, account_of
from privateshare.sources.routes import UploadOrSignIn

ID = 15
SCOPES = "https://www.googleapis.com/auth/googlehealth"
ACTIVITY_SCOPE = f"{SCOPES}.activity_and_fitness.readonly"
HEALTH_SCOPE = f"{SCOPES}.health_metrics_and_measurements.readonly"
SLEEP_SCOPE = f"{SCOPES}.sleep.readonly"
# What each type needs. Of days, the heart rates need the second scope.
SCOPES_OF_TYPES: Mapping[int, Sequence[str]] = {
    ObjectType.DAILY_ACTIVITY_SUMMARY: (ACTIVITY_SCOPE, HEALTH_SCOPE),
    ObjectType.SLEEP: (SLEEP_SCOPE,),
    ObjectType.ACTIVITY: (ACTIVITY_SCOPE,),
    ObjectType.BODY_COMPOSITION_SUMMARY: (HEALTH_SCOPE,),
}
FORBIDDEN = 403
SESSIONS_PAGE_SIZE, PAGE_SIZE = 25, 1000  # The API allows no more for exercises and sleep.


def since(data_type: str, time_field: str, size: int) -> Callable[[Wanted], ApiRequest]:
    """Return a function that builds the request for data points since the last known ones."""

    def first(wanted: Wanted) -> ApiRequest:
        parameters: dict[str, str | int] = {"pageSize": size}
        if wanted.since is not None:
            start = date.fromisoformat(str(wanted.since)) - timedelta(days=CORRECTED_DAYS)
            parameters["filter"] = f'{data_type}.{time_field} >= "{start}"'
        return ApiRequest(f"users/me/dataTypes/{data_type}/dataPoints:reconcile", parameters)

    return first


def points(content: Any) -> list[Any]:
    """Find the data points of a page. An empty list is left out there. Raises ValueError if it is no page."""
    found = content.get("dataPoints", []) if isinstance(content, dict) else None
    if not isinstance(found, list):
        raise ValueError("the response has no data points")
    return found


def day_at(*path: str) -> Callable[[Any], str]:
    """Return a function that reads the day of a data point in UTC from a field. It raises ValueError.

    A day in the future, which a device with a wrong clock wrote, counts as tomorrow: nothing would be read until then.
    """

    def day(point: Any) -> str:
        found = date.fromisoformat(required_text(field_at(point, *path))[:10])
        return min(found, datetime.now(UTC).date() + timedelta(days=1)).isoformat()

    return day


def _listing(
    data_type: str,
    object_type: int,
    map_item: Callable[[Any, SourceAccount], JsonObject],
    filtered_by: str,
    dated_by: Sequence[str],
    size: int = SESSIONS_PAGE_SIZE,
) -> Listing:
    return Listing(
        data_type,
        object_type,
        since(data_type, filtered_by, size),
        points,
        map_item,
        token_page("pageToken", "nextPageToken"),
        Since(day_at(data_type, *dated_by)),
    )


class LiveGoogleHealth(OAuthApiSource):
    """Source 15 for those who sign in."""

    info = SourceInfo(
        id=15,
        service_type=ServiceType.FITBIT,
        service_group=ServiceGroup.HEALTH_FITNESS,
        object_types=tuple(SCOPES_OF_TYPES),
        schema=ObjectSchema("digime", "1.0.0"),
        signs_in=True,
        resumes=True,
        # What Google allows for each person to applications that it has not verified; to others it allows twice that.
        limits=(RequestLimit(150, 60, of_client=False),),
    )
    rules = ApiRules()
    listings = (
        _listing(
            "exercise",
            ObjectType.ACTIVITY,
            mapping.exercise,
            "interval.civil_start_time",
            ("interval", "startTime"),
        ),
        _listing("sleep", ObjectType.SLEEP, mapping.sleep, "interval.civil_end_time", ("interval", "endTime")),
        _listing(
            "weight",
            ObjectType.BODY_COMPOSITION_SUMMARY,
            mapping.weight,
            "sample_time.civil_time",
            ("sampleTime", "physicalTime"),
            PAGE_SIZE,
        ),
    )
    sites = {
        "web": "https://accounts.google.com",
        "tokens": "https://oauth2.googleapis.com",
        "api": "https://health.googleapis.com/v4",
    }

    def __init__(self, client: Settings, at: str | None = None, first_day: date = FIRST_DAY) -> None:
        super().__init__(client, at)
        self._first_day = first_day

    def sign_in(self, known: JsonObject) -> SignIn:
        """Return the sign-in parameters. Google issues a refresh token only if it is asked to, and asks the person."""
        del known
        scope = " ".join((ACTIVITY_SCOPE, HEALTH_SCOPE, SLEEP_SCOPE))
        found = self.oauth("web/o/oauth2/v2/auth", "tokens/token", scope, revoke="tokens/revoke")
        return replace(found, extra={"access_type": "offline", "prompt": "consent"})

    def not_granted(self, token: JsonObject) -> Sequence[int]:
        """Return the types that the person did not allow, or only in part. Google lets them choose."""
        granted = granted_scopes(token)
        return [kind for kind, scopes in SCOPES_OF_TYPES.items() if not granted.issuperset(scopes)]

    def owner(self, client: ApiClient, known: JsonObject) -> Identity:
        """Ask whose account it is. The API tells no name."""
        del known
        about = client.get(ApiRequest("users/me/identity")).content
        return Identity(required_text(about["healthUserId"]), "Google Health", "USER")

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page | Skipped]:
        """Yield the objects of these types that are new since their cursors. Raises TryLater or NeedsLogin."""
        if connection.sample is not None:
            yield from super().fetch(connection, cursors)
            return
        granted = granted_scopes(connection.token or {})
        wanted = [kind for kind in SCOPES_OF_TYPES if kind in cursors]
        allowed = {kind: cursors[kind] for kind in wanted if not granted.isdisjoint(SCOPES_OF_TYPES[kind])}
        for kind in wanted:
            if kind not in allowed:
                yield Skipped(kind, "NotGranted", "The person did not allow it at the source", FORBIDDEN)
        if ObjectType.DAILY_ACTIVITY_SUMMARY in allowed:
            account = account_of(self.info.service_type, connection.provider_account_id)
            with self._client(connection) as client:
                reader = DayReader(
                    client,
                    account,
                    connection.left_out,
                    self._first_day,
                    with_activity=ACTIVITY_SCOPE in granted,
                    with_health=HEALTH_SCOPE in granted,
                )
                yield from reader.read(allowed[ObjectType.DAILY_ACTIVITY_SUMMARY])
        yield from super().fetch(connection, allowed)


def granted_scopes(token: JsonObject) -> frozenset[str]:
    """Return the scopes that a token has. One that does not say it has all that were asked for (RFC 6749, 5.1)."""
    scope = token.get("scope")
    asked = (ACTIVITY_SCOPE, HEALTH_SCOPE, SLEEP_SCOPE)
    return frozenset(scope.split() if isinstance(scope, str) else asked)


def configured(settings: Settings) -> Sequence[Source]:
    """Return the source of Fitbit's exports with a sign-in at Google too, by the operator's project."""
    return [UploadOrSignIn(source, LiveGoogleHealth(settings)) for source in EXPORTS if source.info.id == ID]
