"""The mapping of GitHub's REST API (version 2022-11-28) to objects of schema digime."""

import re
from collections.abc import Mapping
from typing import Any

from privateshare.sources.json_api.values import count_of, moment_of, required_moment, required_text
from privateshare.sources.object_building import JsonObject, SourceAccount, dict_of, text_of

POST = 2
# The events with a comment of the person, which they wrote or changed, with what the ids of such comments begin with:
# their numbers are counted separately.
COMMENT_KINDS: Mapping[str, str] = {
    "IssueCommentEvent": "issuecomment",
    "PullRequestReviewCommentEvent": "discussion",
    "PullRequestReviewEvent": "review",
    "CommitCommentEvent": "commitcomment",
}
_POST_ADDRESS = re.compile(r"(?i)\Ahttps://github\.com/([^/?#]+/[^/?#]+)/(issues|pull|discussions)/([0-9]+)\Z")


def post_id(address: str) -> str:
    """Return the id of an issue, a pull request or a discussion by its address, such as ann/tool#7.

    Exports have no other id. The three are numbered together. Raises ValueError for another address.
    """
    found = _POST_ADDRESS.match(address)
    if found is None:
        raise ValueError("the address is none of an issue")
    return f"{found[1].casefold()}#{found[3]}"


def profile(user: JsonObject, account: SourceAccount) -> JsonObject:
    """Map the person's own account."""
    return account.thing(
        "profile",
        moment_of(user.get("created_at")),
        username=required_text(user.get("login")),
        displayname=text_of(user.get("name")),
        bio=text_of(user.get("bio")),
        profileurl=text_of(user.get("html_url")),
        additionalurl=text_of(user.get("blog")),
        followerscount=count_of(user.get("followers")),
        followingcount=count_of(user.get("following")),
    )


def issue(entry: JsonObject, account: SourceAccount) -> JsonObject:
    """Map an issue or a pull request that the person opened."""
    return account.thing(
        post_id(required_text(entry.get("html_url"))),
        required_moment(entry.get("created_at")),
        title=text_of(entry.get("title")),
        text=text_of(entry.get("body")),
        posturl=text_of(entry.get("html_url")),
        likecount=count_of(dict_of(entry.get("reactions")).get("+1")),
    )


def comment(event: JsonObject, account: SourceAccount) -> JsonObject | None:
    """Map an event to the comment that it tells of; None for an event of another kind."""
    kind = COMMENT_KINDS.get(required_text(event.get("type")))
    if kind is None:
        return None
    payload: Mapping[str, Any] = dict_of(event.get("payload"))
    written = dict_of(payload.get("comment")) or dict_of(payload.get("review"))
    if kind == "review" and not text_of(written.get("body")):
        return None
    about = dict_of(payload.get("issue")) or dict_of(payload.get("pull_request"))
    address = text_of(about.get("html_url"))
    return account.thing(
        f"{kind}-{required_text(written.get('id'))}",
        required_moment(written.get("created_at") or written.get("submitted_at") or event.get("created_at")),
        text=text_of(written.get("body")),
        title=text_of(about.get("title")),
        link=text_of(written.get("html_url")),
        referenceusername=text_of(dict_of(about.get("user")).get("login")),
        referenceentityid=post_id(address) if address else "",
        referenceurl=address,
        referenceentitytype=POST,
    )


def star(entry: JsonObject, account: SourceAccount) -> JsonObject:
    """Map a repository that the person starred."""
    repository = dict_of(entry.get("repo"))
    own_id = required_text(repository.get("id"))
    return account.thing(
        f"star_{own_id}",
        required_moment(entry.get("starred_at")),
        reaction="star",
        title=text_of(repository.get("full_name")),
        text=text_of(repository.get("description")),
        link=text_of(repository.get("html_url")),
        personusername=text_of(dict_of(repository.get("owner")).get("login")),
        referenceentityid=own_id,
    )


def person(other: JsonObject, account: SourceAccount, relation: str) -> JsonObject:
    """Map somebody who follows the person, or whom they follow."""
    return account.thing(
        f"{relation}_{required_text(other.get('id'))}",
        None,
        relation=relation,
        username=text_of(other.get("login")),
        profileurl=text_of(other.get("html_url")),
    )
