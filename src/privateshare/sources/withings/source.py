"""The source Withings: weighings and sleep of the person who signs in.

The API answers with status 200 and says in the content what is wrong. Its requests are forms with an `action`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import (
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
from privateshare.sources.fitness_objects import body_composition
from privateshare.sources.fitness_objects import sleep as asleep_object
from privateshare.sources.json_api.listing import Listing, Since, Wanted
from privateshare.sources.json_api.oauth_source import OAuthApiSource
from privateshare.sources.json_api.paging import field_at, list_at
from privateshare.sources.json_api.requests import ApiClient, ApiRefused, ApiRequest, ApiRules, Reply
from privateshare.sources.json_api.values import required_seconds, required_text, whole_of
from privateshare.sources.object_building import SourceAccount, dict_of, number_of
from privateshare.sources.routes import UploadOrSignIn
from privateshare.sources.wearables.source import SOURCES as WEARABLES
from privateshare.sources.withings.configuration import Settings

ID = 9024
HTTP_OK = 200
OK, LIMITED, BROKEN_SERVER = 0, 601, 2554
NOT_SIGNED_IN = (100, 101, 102, 200, 401)
MEASURED_BY_PERSON = 1  # The category of real measurements; the other one is of goals.
WEIGHT, LEAN_MASS, FAT_RATIO = 1, 5, 6
FIELDS = "deepsleepduration,lightsleepduration,remsleepduration,wakeupduration,total_sleep_time,total_timeinbed"
MAX_EXPONENT = 9


def check(content: Any) -> None:
    """Raise the failure that a response reports in its content."""
    status = content.get("status") if isinstance(content, dict) else None
    if status == OK:
        return
    if status in NOT_SIGNED_IN:
        raise NeedsLogin("the API does not accept the token")
    if status == LIMITED:
        raise TryLater("the API limits requests", limited=True)
    if status == BROKEN_SERVER:
        raise TryLater("the API is not available")
    raise ApiRefused(HTTP_OK, "SourceRefused")


def read_token(content: JsonObject) -> JsonObject:
    """Convert a token response."""
    body = content.get("body")
    if content.get("status") == OK and isinstance(body, dict) and body:
        return {**body, "token_type": "Bearer"}
    if content.get("status") in (LIMITED, BROKEN_SERVER):
        return {"error": "temporarily_unavailable"}
    return {"error": "invalid_grant"}


def weighing(group: JsonObject, account: SourceAccount) -> JsonObject | None:
    """Map a group of measurements; None for one without a weight."""
    moment, values = required_seconds(group["date"]), dict[int, float]()
    for one in group["measures"]:
        value, exponent = number_of(one["value"]), one["unit"]
        if value is None or not isinstance(exponent, int) or abs(exponent) > MAX_EXPONENT:
            raise ValueError("a measurement cannot be read")
        values[one["type"]] = round(value * 10.0**exponent, 3)
    if WEIGHT not in values:
        return None
    others = {"bodyFat": values.get(FAT_RATIO), "leanBodyMass": values.get(LEAN_MASS)}
    return body_composition(account, moment, values[WEIGHT], others)[1]


def sleep(night: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a night."""
    began, ended, data = (
        required_seconds(night["startdate"]),
        required_seconds(night["enddate"]),
        dict_of(night["data"]),
    )
    day = str(date.fromisoformat(night["date"]))
    seconds = {name: whole_of(data.get(name)) for name in FIELDS.split(",")}
    stages = [seconds[f"{name}sleepduration"] for name in ("deep", "light", "rem")]
    asleep = seconds["total_sleep_time"]
    if asleep is None and any(stage is not None for stage in stages):
        asleep = sum(stage or 0 for stage in stages)
    return asleep_object(
        account,
        began,
        ended,
        day,
        {
            "starttimeoffsetinseconds": _offset(night.get("timezone"), began),
            "durationinseconds": asleep,
            "timeinbedinseconds": seconds["total_timeinbed"],
            "lightsleepdurationinseconds": seconds["lightsleepduration"],
            "deepsleepdurationinseconds": seconds["deepsleepduration"],
            "remsleepinseconds": seconds["remsleepduration"],
            "awakedurationinseconds": seconds["wakeupduration"],
        },
    )[1]


def _offset(zone: Any, moment: int) -> int | None:
    try:
        offset = datetime.fromtimestamp(moment / 1000, ZoneInfo(zone)).utcoffset()
    except (TypeError, ValueError, KeyError, OSError):
        return None
    return int(offset.total_seconds()) if offset is not None else None


def changed_at(item: JsonObject) -> int:
    """Return when an item was changed, in seconds since the epoch."""
    return required_seconds(item.get("modified") or item.get("date")) // 1000


def more_page(reply: Reply, _items: Sequence[Any]) -> ApiRequest | None:
    """Ask for the rest that a response tells of."""
    offset = field_at(reply.content, "body", "offset")
    is_more = bool(field_at(reply.content, "body", "more")) and isinstance(offset, int)
    return reply.request.changed(offset=offset) if is_more else None


def _since(form: Mapping[str, str | int], path: str) -> Callable[[Wanted], ApiRequest]:
    return lambda wanted: ApiRequest(path, form={**form, "lastupdate": wanted.since or 0})


class LiveWithings(OAuthApiSource):
    """The source 9024 for those who sign in."""

    info = SourceInfo(
        id=ID,
        service_type=ID,
        service_group=ServiceGroup.HEALTH_FITNESS,
        object_types=(ObjectType.BODY_COMPOSITION_SUMMARY, ObjectType.SLEEP),
        schema=ObjectSchema("digime", "1.0.0"),
        signs_in=True,
        resumes=True,
        limits=(RequestLimit(120, 60),),
    )
    rules = ApiRules(check=check)
    listings = (
        Listing(
            "measures",
            ObjectType.BODY_COMPOSITION_SUMMARY,
            _since({"action": "getmeas", "meastypes": "1,5,6", "category": MEASURED_BY_PERSON}, "measure"),
            list_at("body", "measuregrps"),
            weighing,
            more_page,
            Since(changed_at),
        ),
        Listing(
            "sleep",
            ObjectType.SLEEP,
            _since({"action": "getsummary", "data_fields": FIELDS}, "v2/sleep"),
            list_at("body", "series"),
            sleep,
            more_page,
            Since(changed_at),
        ),
    )
    sites = {"web": "https://account.withings.com", "api": "https://wbsapi.withings.net"}

    def sign_in(self, known: JsonObject) -> SignIn:
        """Return the sign-in parameters."""
        del known
        found = self.oauth("web/oauth2_user/authorize2", "api/v2/oauth2", "user.metrics user.activity")
        return replace(
            found,
            scope_separator=",",
            token_parameters={"action": "requesttoken"},
            read_token_response=read_token,
        )

    def owner(self, client: ApiClient, known: JsonObject) -> Identity:
        """Try the token, and return whom its response named."""
        client.get(ApiRequest("measure", form={"action": "getmeas", "meastypes": "1", "lastupdate": _now()}))
        return Identity(required_text(known["userid"]), "Withings", "USER")


def _now() -> int:
    return int(datetime.now(UTC).timestamp())


EXPORTS = {source.info.id: source for source in WEARABLES}


def configured(settings: Settings) -> Sequence[Source]:
    """Return the source of exports with a sign-in too, by the operator's application."""
    return (UploadOrSignIn(EXPORTS[ID], LiveWithings(settings)),)


SOURCES: Sequence[Source] = ()
