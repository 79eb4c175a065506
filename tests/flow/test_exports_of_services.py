"""Exports of services that people use: uploaded, agreed to, read by an app, and uploaded again when they are newer."""

import gzip
import io
import json
import tarfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from examples.walking import Browser

from tests.archives import (
    conversations,
    exported_chat,
    mailbox,
    play,
    post_archive,
    social_export,
    spotify_zip,
    timeline,
    tracks,
    viewing_activity,
    watch_history,
    zipped,
)
from tests.flow.consenting import add_found, ask, asking_contract, opened, page_of
from tests.flow.people import People
from tests.flow.sessions import QUERY, wait_until_over
from tests.flow.wire import Wire, unsealed
from tests.unit.sources.linkedin.good_archives import messages
from tests.unit.sources.mastodon.good_archives import archive

PROFILE = {"profile_user": [{"string_map_data": {"Username": {"value": "mira.k"}}}]}


def instagram(comments: int) -> bytes:
    """An export with so many comments, and one that cannot be read."""
    listed: list[Any] = [
        {
            "string_map_data": {
                "Comment": {"value": f"Sch\u00c3\u00b6n {number}"},
                "Time": {"timestamp": 1_780_000_000 + number},
            }
        }
        for number in range(comments)
    ]
    unreadable = {"string_map_data": {"Comment": {"value": "No time"}}}
    return zipped(
        {
            "personal_information/personal_information.json": json.dumps(PROFILE).encode(),
            "your_instagram_activity/comments/post_comments_1.json": json.dumps([*listed, unreadable]).encode(),
        }
    )


def account_data(plays: int) -> bytes:
    """Spotify's account data, with so many plays of the last year and a library."""
    whole = [play(number) for number in range(plays)]
    brief = [
        {
            "endTime": one["ts"][:16].replace("T", " "),
            "artistName": one["master_metadata_album_artist_name"],
            "trackName": one["master_metadata_track_name"],
            "msPlayed": one["ms_played"],
        }
        for one in whole
    ]
    library = {
        "tracks": [{"artist": "A", "album": "B", "track": "C", "uri": f"spotify:track:{'1' * 22}"}],
        "albums": [],
    }
    return zipped(
        {
            "StreamingHistory_music_0.json": json.dumps(brief).encode(),
            "YourLibrary.json": json.dumps(library).encode(),
        }
    )


def history(plays: int) -> bytes:
    """Spotify's extended streaming history with so many plays."""
    return spotify_zip([play(number) for number in range(plays)])


def gzipped_tar(posts: int) -> bytes:
    """An archive of Mastodon of the older kind with so many posts."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive(posts))) as files,
        tarfile.open(fileobj=packed, mode="w:gz") as target,
    ):
        for name in files.namelist():
            entry = tarfile.TarInfo(name)
            entry.size = files.getinfo(name).file_size
            target.addfile(entry, files.open(name))
    return packed.getvalue()


# The id of a source, an older and a newer export, and how many objects both have together, by type.
EXPORTS = [
    pytest.param(420, instagram(2), instagram(3), {7: 3, 19: 1}, "partial", id="instagram"),
    pytest.param(2, post_archive(2), post_archive(4), {2: 4}, "completed", id="x", marks=pytest.mark.slow),
    pytest.param(9003, exported_chat(2), exported_chat(4), {9002: 4}, "completed", id="whatsapp"),
    pytest.param(281, watch_history(2), watch_history(4), {9003: 4}, "completed", id="youtube", marks=pytest.mark.slow),
    pytest.param(9004, timeline(2), timeline(4), {9005: 4}, "completed", id="timeline", marks=pytest.mark.slow),
    pytest.param(
        9005, conversations(2), conversations(4), {9006: 4}, "completed", id="chatgpt", marks=pytest.mark.slow
    ),
    pytest.param(
        9007, viewing_activity(2), viewing_activity(4), {9003: 4}, "completed", id="netflix", marks=pytest.mark.slow
    ),
    pytest.param(9010, mailbox(2), mailbox(4), {9007: 4}, "completed", id="mail", marks=pytest.mark.slow),
    pytest.param(9020, tracks(2), tracks(4), {300: 4, 9001: 4}, "completed", id="workouts"),
    pytest.param(1, social_export(2), social_export(4), {9002: 4}, "completed", id="facebook", marks=pytest.mark.slow),
    pytest.param(16, account_data(3), history(4), {400: 1, 401: 1, 405: 1, 406: 4}, "completed", id="spotify"),
    pytest.param(
        16,
        history(4),
        account_data(3),
        {400: 1, 401: 1, 405: 1, 406: 4},
        "completed",
        id="spotify-turned",
        marks=pytest.mark.slow,
    ),
    pytest.param(9030, messages(2), messages(4), {9002: 4}, "completed", id="linkedin", marks=pytest.mark.slow),
    pytest.param(9050, gzipped_tar(2), gzipped_tar(4), {2: 4}, "completed", id="mastodon-tar"),
]


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    groups = {"dataRequest": {"serviceGroups": [{"id": 1}, {"id": 4}, {"id": 5}]}}
    return await asking_contract(people, document=groups)


@pytest.mark.parametrize(("source", "older", "newer", "counts", "state"), EXPORTS)
def test_a_newer_export_adds_what_is_new(
    wire: Wire, tmp_path: Path, source: int, older: bytes, newer: bytes, counts: dict[int, int], state: str
) -> None:
    """Both are of one account, nothing comes twice, and the person and the app hear of what cannot be read."""
    asking = ask(wire)
    browser = opened(asking.url)
    for name, data in (("older.zip", older), ("newer.zip", newer)):
        upload(browser, source, tmp_path / name, data)
    assert browser.page is not None
    if state == "partial":
        assert "1 of 5 entries has no date" in browser.page.html or "1 of 4 entries has no date" in browser.page.html
    browser.submit("continue")
    tokens = asking.tokens(str(browser.left_to))
    listed = wait_until_over(wire, tokens, asking.session)
    found: Counter[int] = Counter()
    accounts = set()
    for entry in listed["fileList"]:
        answer = wire.get(f"{QUERY}/{asking.session}/{entry['name']}", access_token=tokens.access)
        objects = json.loads(gzip.decompress(unsealed(answer.content, wire.key)))
        found[int(entry["name"].split("_")[4])] += len(objects)
        accounts |= {thing["accountentityid"] for thing in objects}
    assert dict(found) == counts
    assert len(accounts) == 1
    assert listed["status"]["state"] == state


def upload(browser: Browser, source: int, file: Path, data: bytes) -> None:
    """Choose the source, and upload a file to it."""
    file.write_bytes(data)
    assert browser.page is not None
    if browser.page.name == "consent":
        browser.submit("another-source")
    assert page_of(browser) == "pick-source"
    browser.page.choose("source-id", str(source))
    browser.submit("continue")
    assert page_of(browser) == "connect"
    browser.submit("continue", file=file, extra={"way": "upload"})
    add_found(browser)
    assert page_of(browser) == "consent"
