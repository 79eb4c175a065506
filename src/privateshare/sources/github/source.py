"""The source GitHub: a sample, or the export of an account."""

from pathlib import PurePosixPath

from privateshare.protocol.catalogue import ObjectType, ServiceGroup
from privateshare.sources.contract import FileMark
from privateshare.sources.export_reader import ReadExportSource, declare
from privateshare.sources.github.reader import GitHubReader
from privateshare.sources.github.sample import sample_files

ID = 9051
# The folders of repositories, of files that people attached to comments, and of packages of releases.
CONTENT_FOLDERS = frozenset({"repositories", "attachments", "releases", "repository_files"})
KINDS = "user|issue|pull_request|discussion|issue_comment|commit_comment|pull_request_review(_comment)?"


class GitHubExport(ReadExportSource):
    """The source 9051 for those who upload an export."""

    def is_skipped(self, path: str) -> bool:
        """Return whether a file of an export is not read: what is not JSON, and the content of repositories."""
        folders = PurePosixPath(path.lower()).parts[:-1]
        return bool(path) and (not path.lower().endswith(".json") or not CONTENT_FOLDERS.isdisjoint(folders))


EXPORT = GitHubExport(
    declare(
        ID,
        ServiceGroup.SOCIAL,
        (ObjectType.POST, ObjectType.COMMENT, ObjectType.PROFILE),
        "#24292f",
        ".gz,.tgz,.tar,.zip,.json",
        (
            FileMark(rf'\A\W*"type"\s*:\s*"({KINDS})"\s*,\s*"url"\s*:\s*"https://github\.com/'),
            FileMark(r'\A\s*\{[^{}]*"github_sha"\s*:'),
        ),
        (
            "Sign in at github.com on a computer, open Settings, and choose “Account”.",
            "Under “Export account data”, choose “Start export” or “New export”.",
            "GitHub sends you a link, which is valid for seven days. Download the tar.gz file and choose it here.",
        ),
    ),
    "GitHub",
    GitHubReader,
    sample_files,
)
SOURCES = (EXPORT,)
