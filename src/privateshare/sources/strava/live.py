"""Strava's API: the activities of the person who signs in, with the same ids as in their export."""

import time
from collections.abc import Sequence
from dataclasses import replace

import httpx2

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import Identity, JsonObject, ObjectSchema, RequestLimit, SignIn, Source, SourceInfo
from privateshare.sources.json_api.listing import Listing, NewestFirst
from privateshare.sources.json_api.oauth_source import OAuthApiSource
from privateshare.sources.json_api.paging import list_at, numbered_page
from privateshare.sources.json_api.requests import ApiClient, ApiRequest, ApiRules, requested_pause
from privateshare.sources.json_api.values import (
    positive_of,
    required_moment,
    required_text,
    truth_of,
    whole_of,
)
from privateshare.sources.object_building import SourceAccount, list_of, number_of, text_of
from privateshare.sources.routes import UploadOrSignIn
from privateshare.sources.strava.configuration import Settings
from privateshare.sources.strava.source import Strava
from privateshare.sources.strava.sports import english_name
from privateshare.sources.web import open_client
from privateshare.sources.workouts.recording import RUN_CADENCE, STEPS_PER_TURN, cadence_field

PAGE_SIZE = 200
QUARTER_SECONDS, DAY_SECONDS = 900, 86_400
KILOMETRES_PER_METRE, KILOMETRES_PER_HOUR = 0.001, 3.6
MAX_RESPONSE_BYTES, MAX_RESPONSE_SECONDS = 64 * 1024, 10


def pause(response: httpx2.Response) -> int | None:
    """Return the seconds to wait: until the next quarter of an hour, or the next day if that limit is used up."""
    if requested_pause(response) is None:
        return None
    if "retry-after" in response.headers:
        return requested_pause(response)
    limits, used = (
        [int(part) for part in response.headers.get(f"x-readratelimit-{name}", "").split(",") if part.strip().isdigit()]
        for name in ("limit", "usage")
    )
    is_daily = len(limits) == len(used) == 2 and used[1] >= limits[1]
    window = DAY_SECONDS if is_daily else QUARTER_SECONDS
    return window - int(time.time()) % window


def activity(found: JsonObject, account: SourceAccount) -> JsonObject:
    """Map an activity."""
    kind = text_of(found.get("sport_type")) or text_of(found.get("type")) or "unknown"
    name, began = english_name(kind), required_moment(found.get("start_date"))
    field = cadence_field(name)
    cadence = positive_of(found.get("average_cadence"), STEPS_PER_TURN if field == RUN_CADENCE else 1)
    place = [number_of(value) for value in list_of(found.get("start_latlng"))]
    latitude, longitude = place if len(place) == 2 else (None, None)
    manual = truth_of(found.get("manual"))
    offset = number_of(found.get("utc_offset"))
    seconds = whole_of(found.get("moving_time")) or whole_of(found.get("elapsed_time")) or 0
    return account.thing(
        required_text(found.get("id")),
        began,
        originalstartdate=began,
        starttimeoffset=round(offset * 1000) if offset is not None else None,
        activityname=name,
        activitytypeid=kind,
        title=text_of(found.get("name")),
        duration=seconds * 1000,
        distance=positive_of(found.get("distance"), KILOMETRES_PER_METRE),
        calories=positive_of(found.get("calories")),
        averageheartrate=positive_of(found.get("average_heartrate")),
        maxheartrate=positive_of(found.get("max_heartrate")),
        speed=positive_of(found.get("average_speed"), KILOMETRES_PER_HOUR),
        maxspeed=positive_of(found.get("max_speed"), KILOMETRES_PER_HOUR),
        elevationgain=positive_of(found.get("total_elevation_gain")),
        startinglatitude=latitude,
        startinglongitude=longitude,
        logtype=None if manual is None else "manual" if manual else "device",
        **{field: cadence},
    )


class LiveStrava(OAuthApiSource):
    """Source 9021 for those who sign in."""

    info = SourceInfo(
        id=9021,
        service_type=9021,
        service_group=ServiceGroup.HEALTH_FITNESS,
        object_types=(ObjectType.ACTIVITY,),
        schema=ObjectSchema("digime", "1.0.0"),
        signs_in=True,
        resumes=True,
        # The limits of an application that is not reviewed, for requests that only read.
        limits=(RequestLimit(100, QUARTER_SECONDS), RequestLimit(1000, DAY_SECONDS)),
    )
    rules = ApiRules(pause=pause)
    listings = (
        Listing(
            "activities",
            ObjectType.ACTIVITY,
            lambda _: ApiRequest("athlete/activities", {"per_page": PAGE_SIZE}),
            list_at(),
            activity,
            numbered_page("page", PAGE_SIZE),
            NewestFirst(lambda found: required_text(found.get("id"))),
        ),
    )
    sites = {"web": "https://www.strava.com", "api": "https://www.strava.com/api/v3"}

    def sign_in(self, known: JsonObject) -> SignIn:
        """Return the sign-in parameters."""
        del known
        found = self.oauth("web/oauth/authorize", "web/oauth/token", "read activity:read_all")
        return replace(found, scope_separator=",")

    def owner(self, client: ApiClient, known: JsonObject) -> Identity:
        """Ask whose account it is. The export names the same id."""
        del known
        athlete = client.get(ApiRequest("athlete")).content
        name = f"{text_of(athlete.get('firstname'))} {text_of(athlete.get('lastname'))}".strip()
        return Identity(required_text(athlete["id"]), name or "Strava", "USER")

    def revoke(self, token: JsonObject) -> bool:
        """Take back what the person allowed."""
        try:
            with open_client({}, MAX_RESPONSE_BYTES, MAX_RESPONSE_SECONDS) as http:
                content = {"access_token": str(token.get("access_token"))}
                return http.post(self.site("web/oauth/deauthorize"), data=content).is_success
        except httpx2.TransportError:
            return False


def configured(settings: Settings) -> Sequence[Source]:
    """Return the source of exports with a sign-in too, by the operator's API application."""
    return (UploadOrSignIn(Strava(), LiveStrava(settings)),)
