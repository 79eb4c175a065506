"""The export of an account of GitHub: lists of JSON objects that refer to each other by their addresses.

An export also has what other people wrote in the person's repositories. Only entries whose author is the owner of the
export are read, and the list of users says who that is: only their entry has a billing plan.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from privateshare.protocol.catalogue import ObjectType
from privateshare.sources.archive import UploadedFile
from privateshare.sources.export_reader import DeclaredReader
from privateshare.sources.export_source import UploadedExport
from privateshare.sources.failures import EMPTY, OF_OTHERS, Broken, LeftOut
from privateshare.sources.github.mapping import COMMENT_KINDS, POST, post_id
from privateshare.sources.json_records import FoundRecord, ObjectRole
from privateshare.sources.object_building import JsonObject, Mapped, dict_of, exact_moment, list_of, text_of
from privateshare.sources.upload_records import records_of_files

WEB = "https://github.com/"
POSTS = frozenset({"issue", "pull_request", "discussion"})
# The kinds of comments, with what their ids begin with.
COMMENTS = {
    "issue_comment": COMMENT_KINDS["IssueCommentEvent"],
    "pull_request_review_comment": COMMENT_KINDS["PullRequestReviewCommentEvent"],
    "pull_request_review": COMMENT_KINDS["PullRequestReviewEvent"],
    "commit_comment": COMMENT_KINDS["CommitCommentEvent"],
}
USER = "user"
_USERS_FILE = re.compile(r"(?i)(^|/)users_[^/]*\.json\Z")
_PICTURE = re.compile(r"\Ahttps://[a-z0-9-]+\.githubusercontent\.com/u/([0-9]+)(\?|\Z)")
_NO_REPLY = re.compile(r"(?i)\A([0-9]+)\+[^@]+@users\.noreply\.github\.com\Z")
_NUMBER_AT_END = re.compile(r"[#_r-]([0-9]+)\Z")
NO_OWNER = Broken("The archive does not say whose account it is. Upload the whole archive, as GitHub made it.")


class GitHubReader(DeclaredReader):
    """A reader of an export of GitHub."""

    def __init__(self, export: UploadedExport, wanted: Collection[int]) -> None:
        super().__init__(export, wanted)
        self._export = export
        self._addresses: set[str] = set()  # What entries call the owner. The name may have changed between exports.

    def objects(self, files: Iterable[UploadedFile]) -> Iterator[Mapped]:
        """Yield the objects of all files. Raises Broken if the export does not say whose it is."""
        self._find_owner()
        yield from super().objects(files)
        if not self._addresses:  # Nothing was read then. If files are damaged or encrypted, that explains it better.
            self.left_out.check(NO_OWNER)
            raise NO_OWNER

    def role_of(self, thing: JsonObject, key: str) -> ObjectRole:
        """Return the role of an object in the JSON files."""
        del key
        kind = thing.get("type")
        is_read = isinstance(kind, str) and (kind == USER or kind in POSTS or kind in COMMENTS)
        return ObjectRole.RECORD if is_read and isinstance(thing.get("url"), str) else ObjectRole.UNKNOWN

    def objects_of_record(self, found: FoundRecord) -> Iterator[Mapped]:
        """Yield the object of an entry, if it is of the owner."""
        entry, kind = found.thing, found.thing["type"]
        author = entry["url"] if kind == USER else entry.get("user")
        if author not in self._addresses:
            self.left_out.pass_over(OF_OTHERS)
        elif kind == USER:
            yield ObjectType.PROFILE, self._profile(entry)
        elif kind in POSTS:
            yield ObjectType.POST, self._post(entry)
        elif kind == "pull_request_review" and not text_of(entry.get("body")):
            self.left_out.pass_over(EMPTY)
        else:
            yield ObjectType.COMMENT, self._comment(entry, COMMENTS[kind])

    def _find_owner(self) -> None:
        files = self._export.files_if(lambda path: not path or _USERS_FILE.search(path) is not None)
        for found in records_of_files(files, self.role_of, LeftOut()):
            entry = found.thing
            if entry["type"] != USER or not isinstance(entry.get("billing_plan"), dict):
                continue
            if entry["url"].startswith(WEB):
                self._addresses.add(entry["url"])
                self.note_owner(_account_number(entry), text_of(entry.get("login")))

    def _profile(self, entry: JsonObject) -> JsonObject:
        return self.account.thing(
            "profile",
            exact_moment(entry.get("created_at")),
            username=_needed(entry.get("login")),
            displayname=text_of(entry.get("name")),
            bio=text_of(entry.get("bio")),
            profileurl=entry["url"],
            additionalurl=text_of(entry.get("website")),
        )

    def _post(self, entry: JsonObject) -> JsonObject:
        reactions = [dict_of(reaction).get("content") for reaction in list_of(entry.get("reactions"))]
        return self.account.thing(
            post_id(entry["url"]),
            _moment(entry.get("created_at")),
            title=text_of(entry.get("title")),
            text=text_of(entry.get("body")),
            posturl=entry["url"],
            likecount=reactions.count("+1") if isinstance(entry.get("reactions"), list) else None,
        )

    def _comment(self, entry: JsonObject, kind: str) -> JsonObject:
        number = _NUMBER_AT_END.search(entry["url"])
        if number is None:
            raise ValueError("the address of a comment has no number")
        about = text_of(entry.get("issue")) or text_of(entry.get("pull_request"))
        return self.account.thing(
            f"{kind}-{number[1]}",
            _moment(entry.get("submitted_at") or entry.get("created_at")),
            text=text_of(entry.get("body")),
            link=entry["url"],
            referenceentityid=post_id(about) if about else "",
            referenceurl=about,
            referenceentitytype=POST,
        )


def _account_number(user: JsonObject) -> str:
    """Return the number of an account, which its picture or its address for mail has; empty if none does."""
    found = _PICTURE.match(text_of(user.get("avatar_url")))
    for mail in list_of(user.get("emails")):
        found = found or _NO_REPLY.match(text_of(dict_of(mail).get("address")))
    return found[1] if found else ""


def _moment(value: Any) -> int:
    moment = exact_moment(value)
    if moment is None:
        raise ValueError("a date is missing")
    return moment


def _needed(value: Any) -> str:
    found = text_of(value)
    if not found:
        raise ValueError("a text is missing")
    return found
