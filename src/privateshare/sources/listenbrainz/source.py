"""The source ListenBrainz: a sample, the export that people request, or the listens of the person whose token it is."""

from collections.abc import Mapping, Sequence

import httpx2

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import (
    FileMark,
    Identity,
    JsonObject,
    NeedsLogin,
    ObjectSchema,
    Question,
    RequestLimit,
    Source,
    SourceInfo,
)
from privateshare.sources.export_reader import ReadExportSource, declare
from privateshare.sources.json_api.listing import Listing, NewestFirst
from privateshare.sources.json_api.paging import earlier_page, list_at
from privateshare.sources.json_api.requests import ApiClient, ApiRequest, ApiRules, requested_pause
from privateshare.sources.json_api.source import JsonApiSource
from privateshare.sources.json_api.values import required_text
from privateshare.sources.lastfm.listenbrainz_mapping import account_id, id_of, listened_at, play
from privateshare.sources.lastfm.reader import ScrobbleReader
from privateshare.sources.lastfm.sample import listenbrainz_sample
from privateshare.sources.routes import UploadOrAnswers

ID = 9056
PAGE_SIZE = 100


def pause(response: httpx2.Response) -> int | None:
    """Return the seconds to wait. The API says in a header of its own when the next window begins."""
    seconds = requested_pause(response)
    reset = response.headers.get("x-ratelimit-reset-in", "")
    return max(1, int(reset)) if seconds is not None and reset.isdigit() else seconds


class LiveListenBrainz(JsonApiSource):
    """The source 9056 for those who have a token."""

    info = SourceInfo(
        id=ID,
        service_type=ID,
        service_group=ServiceGroup.ENTERTAINMENT,
        object_types=(ObjectType.PLAY_HISTORY,),
        schema=ObjectSchema("digime", "1.0.0"),
        asks=(Question("token", "Your user token", "password", "It is at listenbrainz.org, in your settings."),),
        resumes=True,
        limits=(RequestLimit(30, 10, of_client=False),),
    )
    rules = ApiRules(pause=pause, scheme="Token")
    listings = (
        Listing(
            "listens",
            ObjectType.PLAY_HISTORY,
            lambda wanted: ApiRequest(f"1/user/{wanted.owner}/listens", {"count": PAGE_SIZE}),
            list_at("payload", "listens"),
            play,
            earlier_page("max_ts", listened_at, PAGE_SIZE),
            NewestFirst(id_of),
        ),
    )

    def __init__(self, at: str = "https://api.listenbrainz.org") -> None:
        self._at = at

    def prepare(self, answers: Mapping[str, str], redirect_uri: str) -> JsonObject:
        """Return what is stored: the token."""
        del redirect_uri
        return {"access_token": answers["token"].strip()}

    def api(self, known: JsonObject) -> str:
        """Return the address of the API."""
        del known
        return self._at

    def owner(self, client: ApiClient, known: JsonObject) -> Identity:
        """Ask whose token it is."""
        del known
        content = client.get(ApiRequest("1/validate-token")).content
        if not content["valid"]:
            raise NeedsLogin("the token is not valid")
        name = required_text(content["user_name"])
        return Identity(account_id(name), name, "USER")


EXPORT = ReadExportSource(
    declare(
        ID,
        ServiceGroup.ENTERTAINMENT,
        (ObjectType.PLAY_HISTORY,),
        "#353070",
        ".zip,.json,.jsonl",
        (FileMark(r'"track_metadata"\s*:'),),
        (
            "Open listenbrainz.org/settings/export in a browser, and choose to export your data.",
            "Wait for the link to your export. Download the file and choose it here.",
        ),
    ),
    "ListenBrainz",
    ScrobbleReader,
    listenbrainz_sample,
)
SOURCES: Sequence[Source] = (UploadOrAnswers(EXPORT, LiveListenBrainz()),)
