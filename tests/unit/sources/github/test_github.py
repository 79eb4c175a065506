"""The export of an account of GitHub, in the layout of schema 1.0.1."""

import io
import json
import tarfile
from typing import Any

import pytest
from tests.apis.github import event, github, issue, user
from tests.export_reading import Objects, owner_of, read_archive, read_files

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.configuration import ClientSettings
from privateshare.sources.contract import Connection, Page
from privateshare.sources.failures import Broken, LeftOut
from privateshare.sources.github.live import LiveGitHub
from privateshare.sources.github.mapping import post_id
from privateshare.sources.github.source import EXPORT
from privateshare.sources.routes import UploadOrSignIn
from privateshare.testing.api_server import running

WEB = "https://github.com"
ANN, BO = f"{WEB}/Ann", f"{WEB}/bo"
DAY = "2024-05-06T07:08:09Z"
CLIENT = ClientSettings.model_validate({"client_id": "client", "client_secret": "client-secret"})


def account(login: str, number: int | None, **more: Any) -> dict[str, Any]:
    """Return an entry of the list of users. Only the owner has a billing plan."""
    picture = f"https://avatars3.githubusercontent.com/u/{number}?v=4" if number else None
    found = {"type": "user", "url": f"{WEB}/{login}", "avatar_url": picture, "login": login, "name": None, "bio": None}
    return found | {"website": None, "emails": [], "billing_plan": None, "created_at": DAY} | more


def owner(login: str = "Ann", number: int | None = 7, **more: Any) -> dict[str, Any]:
    """Return the entry of an owner."""
    return account(login, number, billing_plan={"name": "free", "space": 976562499, "private_repos": 10000}, **more)


def entry(kind: str, path: str, user: str = ANN, **more: Any) -> dict[str, Any]:
    """Return an entry of a list."""
    return {"type": kind, "url": f"{WEB}/{path}", "user": user, "created_at": DAY, "reactions": []} | more


def packed(**lists: Any) -> dict[str, str | bytes]:
    """Return the files of an export."""
    return {f"{name}_000001.json": json.dumps(content) for name, content in lists.items()}


REACTIONS = [
    {"user": BO, "content": content, "subject_type": "Issue", "created_at": DAY} for content in ("+1", "heart")
]
FILES = packed(
    users=[account("bo", 8), owner(name="Ann Tester", bio="Tools", website="https://ann.example")],
    issues=[
        entry("issue", "Ann/Tool/issues/3", title="Crash", body=None, reactions=REACTIONS),
        entry("issue", "Ann/Tool/issues/4", BO, title="Not hers"),
        entry("issue", "Ann/Tool/issues/5", title="No date", created_at=None),
    ],
    pull_requests=[entry("pull_request", "bo/lib/pull/9", title="Faster", body="Twice as fast", merged_at=DAY)],
    discussions=[entry("discussion", "Ann/Tool/discussions/6", title="Hello", body="…")],
    issue_comments=[
        entry("issue_comment", "bo/lib/pull/9#issuecomment-11", pull_request=f"{WEB}/bo/lib/pull/9", body="Done"),
        entry("issue_comment", "Ann/Tool/issues/4#issuecomment-12", BO, body="Not hers"),
    ],
    pull_request_review_comments=[
        entry(
            "pull_request_review_comment", "bo/lib/pull/8/files#r13", pull_request=f"{WEB}/bo/lib/pull/8", body="Why?"
        ),
    ],
    pull_request_reviews=[
        entry("pull_request_review", "bo/lib/pull/8/files#pullrequestreview-14", body="Good", submitted_at=DAY),
        entry("pull_request_review", "bo/lib/pull/8/files#pullrequestreview-15", body="", submitted_at=DAY),
    ],
    commit_comments=[entry("commit_comment", "bo/lib/commit/abc#commitcomment-16", body="Nice")],
    issue_events=[{"type": "issue_event", "url": f"{WEB}/Ann/Tool/issues/3#event-1", "actor": ANN, "created_at": DAY}],
    repositories=[{"type": "repository", "url": f"{WEB}/Ann/Tool", "owner": ANN, "created_at": DAY}],
) | {"schema.json": '{"version":"1.0.1","github_sha":"1d2f"}', "repositories/Ann/Tool.git/HEAD": "ref: x"}


def test_everything_of_the_owner_is_read_and_nothing_of_others() -> None:
    """What others wrote in the person's repositories is counted."""
    left_out = LeftOut()
    found = read_files(EXPORT, FILES, left_out)
    assert [thing["id"] for thing in found[ObjectType.POST]] == ["ann/tool#3", "bo/lib#9", "ann/tool#6"]
    assert [thing.get("likecount") for thing in found[ObjectType.POST]] == [1, 0, 0]
    comments = {thing["id"]: thing.get("referenceentityid") for thing in found[ObjectType.COMMENT]}
    expected = {"issuecomment-11": "bo/lib#9", "discussion-13": "bo/lib#8", "review-14": None, "commitcomment-16": None}
    assert comments == expected
    (profile,) = found[ObjectType.PROFILE]
    assert (profile["username"], profile["displayname"], profile["additionalurl"]) == (
        "Ann",
        "Ann Tester",
        "https://ann.example",
    )
    assert "Not hers" not in repr(found)
    assert (left_out.count, left_out.not_taken.total()) == (1, 4)
    assert set(left_out.unused) == {"issue_events_000001.json", "repositories_000001.json", "schema.json"}
    assert left_out.skipped.total() == 1


def test_the_file_of_github_is_read_as_it_is() -> None:
    """It is a tar.gz with folders of repositories."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for name, text in FILES.items():
            content = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    found = read_archive(EXPORT, data.getvalue())
    assert {kind: len(things) for kind, things in found.items()} == {
        kind: len(things) for kind, things in read_files(EXPORT, FILES).items()
    }


@pytest.mark.parametrize("more", [{}, {"number": None, "emails": [{"address": "7+Ann@users.noreply.github.com"}]}])
def test_the_account_is_the_number_of_the_owner(more: dict[str, Any]) -> None:
    identity = owner_of(EXPORT, packed(users=[account("bo", 8), owner(**more)]))
    assert (identity.provider_account_id, identity.display_name, identity.named) == ("7", "Ann", True)


def test_an_owner_without_a_number_is_of_an_unknown_account() -> None:
    identity = owner_of(EXPORT, packed(users=[owner(number=None)]))
    assert not identity.named


@pytest.mark.parametrize(
    "files",
    [
        packed(issues=[entry("issue", "Ann/Tool/issues/3")]),
        packed(users=[account("Ann", 7)], issues=[entry("issue", "Ann/Tool/issues/3")]),
        packed(users=[owner() | {"url": "https://git.example/Ann"}]),
        packed(users=[owner() | {"billing_plan": "free"}]),
    ],
)
def test_an_export_that_does_not_say_whose_it_is_is_refused(files: dict[str, str | bytes]) -> None:
    """Otherwise what others wrote could be shared."""
    with pytest.raises(Broken, match="does not say whose account it is"):
        owner_of(EXPORT, files)


def test_exports_of_two_people_are_refused() -> None:
    with pytest.raises(Broken, match="several accounts"):
        owner_of(EXPORT, packed(users=[owner(), owner("bo", 8)]))


def test_exports_before_and_after_a_new_name_are_of_one_account() -> None:
    """What the person wrote under both names is theirs."""
    lists = packed(users=[owner()], issues=[entry("issue", "x/y/issues/1")])
    later = packed(users=[owner("Anna")], issues=[entry("issue", "x/y/issues/2", f"{WEB}/Anna")])
    found = read_files(EXPORT, lists | {f"later/{name}": text for name, text in later.items()})
    assert {thing["id"] for thing in found[ObjectType.POST]} == {"x/y#1", "x/y#2"}


@pytest.mark.parametrize(
    "address",
    ["", "x/y#1", "https://evil.example/x/y/issues/1", f"{WEB}/x/y", f"{WEB}/x/y/issues/1?a", f"{WEB}/x/issues/1"],
)
def test_only_addresses_of_issues_make_ids(address: str) -> None:
    with pytest.raises(ValueError, match="none of an issue"):
        post_id(address)


def signed_in() -> tuple[str, Objects]:
    """Return whose account it is after a sign-in, and its objects: an issue, and a comment of each kind."""
    api = github()
    api.lists["/issues"].items[:] = [issue(3)]
    review = {"id": 14, "body": "Good", "submitted_at": DAY}
    api.lists["/users/Ann/events"].items[:] = [
        event(1),
        event(2, "PullRequestReviewCommentEvent"),
        {"id": "3", "type": "PullRequestReviewEvent", "payload": {"review": review}, "created_at": DAY},
        {
            "id": "4",
            "type": "PullRequestReviewEvent",
            "payload": {"review": review | {"body": None}},
            "created_at": DAY,
        },
        event(5, "CommitCommentEvent"),
    ]
    with running(api) as server:
        server.tokens.add("t")
        source = UploadOrSignIn(EXPORT, LiveGitHub(CLIENT, server.address))
        token = {"access_token": "t"}
        account_id = source.identify(Connection(token=token)).provider_account_id
        found: Objects = {}
        connection = Connection(token=token, provider_account_id=account_id)
        for page in source.fetch(connection, dict.fromkeys(source.info.object_types)):
            assert isinstance(page, Page)
            found.setdefault(page.object_type, []).extend(page.objects)
        return account_id, found


def test_both_ways_give_the_same_account_and_ids() -> None:
    """So neither an export after a sign-in nor a sign-in after an export creates duplicates."""
    account_id, live = signed_in()
    files = packed(
        users=[owner()],
        issues=[entry("issue", "x/y/issues/3")],
        issue_comments=[entry("issue_comment", "x/y/issues/3#issuecomment-5001")],
        pull_request_review_comments=[entry("pull_request_review_comment", "x/y/pull/4/files#r5002")],
        pull_request_reviews=[entry("pull_request_review", "x/y/pull/4/files#pullrequestreview-14", body="Good")],
        commit_comments=[entry("commit_comment", "x/y/commit/a#commitcomment-5005")],
    )
    assert owner_of(EXPORT, files).provider_account_id == account_id == "7"
    found = read_files(EXPORT, files)
    for kind in EXPORT.info.object_types:
        assert {thing["entityid"] for thing in found[kind]} == {thing["entityid"] for thing in live[kind]}, kind


def test_an_issue_that_the_api_does_not_list_was_not_deleted() -> None:
    """Exports have issues of private repositories, too."""
    api = github()
    with running(api) as server:
        server.tokens.add("t")
        source = LiveGitHub(CLIENT, server.address)
        connection = Connection(token={"access_token": "t"}, provider_account_id="7")
        pages = list(source.fetch(connection, {ObjectType.POST: None}))
    assert [page.covered for page in pages if isinstance(page, Page)] == [None] * 3


def test_the_sample_has_what_only_the_api_has() -> None:
    """Without a sign-in, the source has neither stars nor contacts, and its sample has none."""
    with_sign_in = UploadOrSignIn(EXPORT, LiveGitHub(CLIENT))
    connection = Connection(sample="default", provider_account_id="sampleDataSet-default")
    for source in (EXPORT, with_sign_in):
        pages = source.fetch(connection, dict.fromkeys(with_sign_in.info.object_types))
        found = {page.object_type for page in pages if isinstance(page, Page) and page.objects}
        assert found == set(source.info.object_types)


def test_the_owner_of_the_api_is_found_by_number() -> None:
    """A person may change their name, and the same name may later be somebody else's."""
    api = github()
    api.answers["/user"] = user("Anna", 7)
    with running(api) as server:
        server.tokens.add("t")
        found = LiveGitHub(CLIENT, server.address).identify(Connection(token={"access_token": "t"}))
    assert (found.provider_account_id, found.display_name) == ("7", "Anna")
