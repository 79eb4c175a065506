"""Sessions, file lists and files. Protocol 5, 6."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from privateshare.errors import InvalidAnswer, InvalidToken
from privateshare.protocol.envelope import decode_metadata
from privateshare.protocol.messages import FileHeader, FileList, Session, SessionOptions
from privateshare.sdk.configuration import Configuration
from privateshare.sdk.flow import Flow, Request, Response, sent
from privateshare.sdk.flows.calls import UNAUTHORIZED, as_user, called, parsed, read_as, told
from privateshare.sdk.flows.oauth import AGENT, session_body
from privateshare.sdk.sinks import File, FileSink, OnProgress
from privateshare.sdk.tokens import UserAccessToken

NOT_MODIFIED = 304
OCTETS = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Listed:
    """A file list with its etag, by which a later call can wait for a change (protocol 6.7)."""

    files: FileList
    etag: str | None


def key_of(session: Session | str) -> str:
    """The key of a session that is given as one or by its key."""
    return session if isinstance(session, str) else session.key


def read_session(configuration: Configuration, token: UserAccessToken, options: SessionOptions | None) -> Flow[Session]:
    """A new session. Protocol 5.1."""
    body = session_body(options) | {"agent": AGENT}
    path = "permission-access/trigger"
    response = yield from as_user(token, lambda access: called(configuration, "POST", path, body, access_token=access))
    return read_as(Session, told(response).get("session"))


def read_file_list(
    configuration: Configuration, token: UserAccessToken, session_key: str, wait: int = 0, known: Listed | None = None
) -> Flow[Listed]:
    """What a session holds; with `wait`, once it differs from `known` or so many seconds have passed. Protocol 6.1."""
    waits = f"?wait={wait}" if wait and known is not None and known.etag else ""
    path = f"permission-access/query/{quote(session_key, safe='')}{waits}"

    def call(access: str) -> Flow[Response]:
        headers = configuration.bearer(access_token=access)
        if waits and known is not None and known.etag:
            headers["if-none-match"] = known.etag
        return sent(Request(method="GET", url=configuration.api + path, headers=headers), configuration.retries)

    response = yield from as_user(token, call)
    if response.status == NOT_MODIFIED and known is not None:
        return known
    return Listed(read_as(FileList, parsed(response)), response.headers.get("etag"))


def read_file(
    configuration: Configuration,
    token: UserAccessToken,
    session_key: str,
    name: str,
    to: Path | None,
    on_progress: OnProgress | None = None,
) -> Flow[File]:
    """One file, opened and checked, in memory or at `to`. Protocol 6.3, 6.5."""
    sink = FileSink(name, configuration.private_key, to, on_progress=on_progress)
    try:
        yield from _file(configuration, token, session_key, name, "GET", sink)
    finally:
        sink.abort()
    if sink.file is None:
        raise InvalidAnswer(f"the platform answered something else than the file {name}")
    return sink.file


def read_file_metadata(
    configuration: Configuration, token: UserAccessToken, session_key: str, name: str
) -> Flow[FileHeader]:
    """What there is to know of a file without reading it. Protocol 6.4."""
    response = yield from _file(configuration, token, session_key, name, "HEAD", None)
    return read_as(FileHeader, decode_metadata(response.headers.get("x-metadata", "")))


def _file(
    configuration: Configuration,
    token: UserAccessToken,
    session_key: str,
    name: str,
    method: str,
    sink: FileSink | None,
) -> Flow[Response]:
    url = f"{configuration.api}permission-access/query/{quote(session_key, safe='')}/{quote(name, safe='')}"

    def call(access: str) -> Flow[Response]:
        headers = configuration.bearer(access_token=access) | {"accept": OCTETS}
        return sent(Request(method=method, url=url, headers=headers, sink=sink), configuration.retries)

    # an answer of octets may name no code: any 401 is a reason to refresh (protocol 13)
    return as_user(token, call, refreshes=lambda error: isinstance(error, InvalidToken) or error.status == UNAUTHORIZED)
