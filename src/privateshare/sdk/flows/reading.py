"""Sessions, file lists and files. Protocol 5, 6."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from privateshare.errors import InvalidAnswer, InvalidToken
from privateshare.protocol.envelope import decode_metadata
from privateshare.protocol.messages import FileEntry, FileHeader, FileList, Session, SessionOptions
from privateshare.sdk.bodies import MAX_LIST_BYTES
from privateshare.sdk.configuration import Configuration
from privateshare.sdk.flow import Flow, Request, Response, sent
from privateshare.sdk.flows.calls import UNAUTHORIZED, as_user, called, read_as, told
from privateshare.sdk.flows.oauth import AGENT, session_body
from privateshare.sdk.sinks import File, FileSink, OnProgress
from privateshare.sdk.tokens import Holder

NOT_MODIFIED = 304
OCTETS = "application/octet-stream"

_ETAG = re.compile(r"[!-~]{1,1000}")


@dataclass(frozen=True, slots=True)
class Listed:
    """A file list with its etag, by which a later call can wait for a change (protocol 6.7).

    `unreadable` are its entries that are none, by what they seem to name.
    """

    files: FileList
    etag: str | None
    unreadable: Mapping[str, InvalidAnswer] = field(default_factory=dict)


def key_of(session: Session | str) -> str:
    """The key of a session that is given as one or by its key."""
    return session if isinstance(session, str) else session.key


def read_session(configuration: Configuration, token: Holder, options: SessionOptions | None) -> Flow[Session]:
    """A new session. Protocol 5.1."""
    body = session_body(options) | {"agent": AGENT}
    path = "permission-access/trigger"
    response = yield from as_user(token, lambda access: called(configuration, "POST", path, body, access_token=access))
    return read_as(Session, told(response).get("session"))


def read_file_list(configuration: Configuration, token: Holder, session_key: str) -> Flow[FileList]:
    """What a session holds. Raises InvalidAnswer if any of it is not of the protocol. Protocol 6.1."""
    listed = yield from wait_for_list(configuration, token, session_key)
    for error in listed.unreadable.values():
        raise error
    return listed.files


def wait_for_list(
    configuration: Configuration, token: Holder, session_key: str, wait: int = 0, known: Listed | None = None
) -> Flow[Listed]:
    """What a session holds; with `wait`, once it differs from `known` or so many seconds have passed. Protocol 6.7."""
    waits = f"?wait={wait}" if wait and known is not None and known.etag else ""
    path = f"permission-access/query/{quote(session_key, safe='')}{waits}"

    def call(access: str) -> Flow[Response]:
        headers = configuration.bearer(access_token=access)
        if waits and known is not None and known.etag:
            headers["if-none-match"] = known.etag
        url = configuration.api + path
        request = Request(method="GET", url=url, headers=headers, limit=MAX_LIST_BYTES)
        return sent(request, configuration.retries)

    response = yield from as_user(token, call)
    if response.status == NOT_MODIFIED and known is not None:
        return known
    return _listed(told(response), _etag(response))


def _listed(answer: Mapping[str, Any], etag: str | None) -> Listed:
    """Read a file list entry by entry, so that one that is wrong takes no other with it."""
    raw = answer.get("fileList")
    if raw is None:
        return Listed(read_as(FileList, answer), etag)
    entries, unreadable = [], {}
    for number, entry in enumerate(read_as(list[Any], raw)):
        try:
            entries.append(read_as(FileEntry, entry))
        except InvalidAnswer as error:
            name = entry.get("name") if isinstance(entry, dict) else None
            unreadable[name if isinstance(name, str) else f"entry {number} of the file list"] = error
    files = read_as(FileList, {"status": answer.get("status")})
    return Listed(files.model_copy(update={"file_list": entries}), etag, unreadable)


def _etag(response: Response) -> str | None:
    """The etag of an answer, if it is one that can be sent back."""
    etag = response.headers.get("etag", "")
    return etag if _ETAG.fullmatch(etag) else None


def read_file(
    configuration: Configuration,
    token: Holder,
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


def read_file_metadata(configuration: Configuration, token: Holder, session_key: str, name: str) -> Flow[FileHeader]:
    """What there is to know of a file without reading it. Protocol 6.4."""
    response = yield from _file(configuration, token, session_key, name, "HEAD", None)
    return read_as(FileHeader, decode_metadata(response.headers.get("x-metadata", "")))


def _file(
    configuration: Configuration,
    token: Holder,
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
