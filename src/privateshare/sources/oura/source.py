"""The source Oura: workouts, days and sleep of the person who signs in."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import (
    Identity,
    JsonObject,
    ObjectSchema,
    RequestLimit,
    SignIn,
    Source,
    SourceInfo,
)
from privateshare.sources.json_api.listing import Listing, Since, Wanted
from privateshare.sources.json_api.oauth_source import OAuthApiSource
from privateshare.sources.json_api.paging import list_at, token_page
from privateshare.sources.json_api.requests import ApiClient, ApiRequest, ApiRules
from privateshare.sources.json_api.values import required_text
from privateshare.sources.object_building import SourceAccount
from privateshare.sources.oura import mapping
from privateshare.sources.oura.configuration import Settings
from privateshare.sources.routes import UploadOrSignIn
from privateshare.sources.wearables.source import SOURCES as WEARABLES
from privateshare.sources.web import open_client

ID = 9023
FIRST_DAY = "2015-01-01"  # The first ring was sold that year.
CORRECTED_DAYS = 7  # Days of the last week may be corrected by a later sync of the ring.
MAX_RESPONSE_BYTES, MAX_RESPONSE_SECONDS = 64 * 1024, 10


def of_days(path: str) -> Callable[[Wanted], ApiRequest]:
    """Return a function that builds the request for days from the last known ones on."""

    def first(wanted: Wanted) -> ApiRequest:
        since = str(wanted.since) if wanted.since is not None else None
        start = str(date.fromisoformat(since) - timedelta(days=CORRECTED_DAYS)) if since else FIRST_DAY
        end = datetime.now(UTC).date() + timedelta(days=1)
        return ApiRequest(f"usercollection/{path}", {"start_date": start, "end_date": str(end)})

    return first


def day_of(found: JsonObject) -> str:
    """Return the day of an item. Raises ValueError."""
    return str(date.fromisoformat(found["day"]))


def _listing(path: str, object_type: int, map_item: Callable[[Any, SourceAccount], JsonObject | None]) -> Listing:
    return Listing(
        path,
        object_type,
        of_days(path),
        list_at("data"),
        map_item,
        token_page("next_token", "next_token"),
        Since(day_of),
    )


class LiveOura(OAuthApiSource):
    """The source 9023 for those who sign in."""

    info = SourceInfo(
        id=ID,
        service_type=ID,
        service_group=ServiceGroup.HEALTH_FITNESS,
        object_types=(ObjectType.ACTIVITY, ObjectType.DAILY_ACTIVITY_SUMMARY, ObjectType.SLEEP),
        schema=ObjectSchema("digime", "1.0.0"),
        signs_in=True,
        resumes=True,
        limits=(RequestLimit(5000, 300),),
    )
    rules = ApiRules()
    listings = (
        _listing("workout", ObjectType.ACTIVITY, mapping.workout),
        _listing("daily_activity", ObjectType.DAILY_ACTIVITY_SUMMARY, mapping.day),
        _listing("sleep", ObjectType.SLEEP, mapping.sleep),
    )
    sites = {"api": "https://api.ouraring.com/v2", "revocation": "https://api.ouraring.com"}

    def __init__(self, client: Settings, at: str | None = None) -> None:
        super().__init__(client, at)
        self._settings = client

    def at(self, address: str) -> Self:
        """Return the same source with one server in place of all of the provider's, for tests."""
        paths = (urlsplit(self._settings.authorization_endpoint).path, urlsplit(self._settings.token_endpoint).path)
        endpoints = {"authorization_endpoint": f"{address}{paths[0]}", "token_endpoint": f"{address}{paths[1]}"}
        return type(self)(self._settings.model_copy(update=endpoints), address)

    def sign_in(self, known: JsonObject) -> SignIn:
        """Return the sign-in parameters."""
        del known
        found = self.oauth("api/", "api/", "personal daily workout")
        return replace(
            found,
            authorization_endpoint=self._settings.authorization_endpoint,
            token_endpoint=self._settings.token_endpoint,
        )

    def owner(self, client: ApiClient, known: JsonObject) -> Identity:
        """Ask whose account it is. The API tells no name."""
        del known
        about = client.get(ApiRequest("usercollection/personal_info")).content
        return Identity(required_text(about["id"]), "Oura", "USER")

    def revoke(self, token: JsonObject) -> bool:
        """Take back what the person allowed."""
        try:
            with open_client({}, MAX_RESPONSE_BYTES, MAX_RESPONSE_SECONDS) as http:
                content = {"access_token": str(token.get("access_token"))}
                return http.post(self.site("revocation/oauth/revoke"), data=content).is_success
        except httpx2.TransportError:
            return False


EXPORTS = {source.info.id: source for source in WEARABLES}


def configured(settings: Settings) -> Sequence[Source]:
    """Return the source of exports with a sign-in too, by the operator's application."""
    return (UploadOrSignIn(EXPORTS[ID], LiveOura(settings)),)


SOURCES: Sequence[Source] = ()
