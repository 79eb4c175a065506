"""Flows for sessions, file lists and files. Protocol 5, 6."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from privateshare.errors import InvalidAnswer, PrivateShareError
from privateshare.protocol.envelope import decode_metadata
from privateshare.protocol.messages import FileEntry, FileHeader, FileList, Session, SessionOptions
from privateshare.sdk.arguments import check_callback, check_text, wrong_argument
from privateshare.sdk.consent import AuthorizeUrl, PageUrl
from privateshare.sdk.core import Core
from privateshare.sdk.files.file import File
from privateshare.sdk.files.file_receiver import FileReceiver, OnProgress
from privateshare.sdk.flow import Flow, send
from privateshare.sdk.flows.oauth import AGENT, session_body
from privateshare.sdk.flows.signed_calls import as_user, call_as_user, is_invalid_token
from privateshare.sdk.http.requests import Request, Response
from privateshare.sdk.http.response_bodies import MAX_LIST_BYTES
from privateshare.sdk.http.responses import UNAUTHORIZED, json_object, read_as
from privateshare.sdk.tokens import Holder, check_holder, user_name

LIST_ROUTE = "permission-access/query/{session}"
FILE_ROUTE = "permission-access/query/{session}/{file}"
NOT_MODIFIED = 304
OCTET_STREAM = "application/octet-stream"

_ETAG = re.compile(r"[!-~]{1,1000}")


@dataclass(frozen=True, slots=True)
class ListedFiles:
    """A file list with its etag, with which a later call can wait for a change (protocol 6.7).

    `unreadable` are the entries that could not be parsed, by the name that they seem to have.
    """

    files: FileList
    etag: str | None
    unreadable: Mapping[str, InvalidAnswer] = field(default_factory=dict)


def key_of(session: Session | str) -> str:
    """Return the key of a session, which may be given as its key. Raise ConfigurationError for anything else."""
    if isinstance(session, Session):
        return session.key
    hint = "Pass its .session" if isinstance(session, AuthorizeUrl | PageUrl) else None
    expected = "a Session or its key, as in AuthorizeUrl.session"
    if not isinstance(session, str) or not session.strip():
        raise wrong_argument("session_key", expected, session, hint)
    return session


def read_session(core: Core, holder: Holder, options: SessionOptions | None) -> Flow[Session]:
    """Start a session. Protocol 5.1."""
    check_holder(holder)
    body = session_body(options) | {"agent": AGENT}
    response = yield from call_as_user(core, holder, "POST", "permission-access/trigger", body)
    return core.begun.remember(read_as(Session, json_object(response).get("session")), options)


def read_file_list(core: Core, holder: Holder, session_key: str) -> Flow[FileList]:
    """Read the file list of a session. Raise InvalidAnswer if any entry cannot be parsed. Protocol 6.1."""
    listed = yield from wait_for_list(core, holder, session_key)
    for error in listed.unreadable.values():
        raise error
    return listed.files


def wait_for_list(
    core: Core, holder: Holder, session_key: str, wait: int = 0, known: ListedFiles | None = None
) -> Flow[ListedFiles]:
    """Read the file list of a session.

    Args:
        core: The client's core.
        holder: Whose session it is.
        session_key: The key of the session.
        wait: For how many seconds the platform may hold its response until the list differs from `known`.
        known: The list that was read last. Protocol 6.7.
    """
    etag = known.etag if wait and known is not None else None
    path = f"permission-access/query/{quote(session_key, safe='')}{f'?wait={wait}' if etag else ''}"

    def call(access_token: str) -> Flow[Response]:
        headers = core.configuration.bearer(access_token=access_token)
        if etag:
            headers["if-none-match"] = etag
        url = core.configuration.api + path
        request = Request(method="GET", url=url, route=LIST_ROUTE, headers=headers, limit=MAX_LIST_BYTES)
        return send(request, core.configuration.retries)

    response = yield from as_user(holder, call)
    if response.status == NOT_MODIFIED and known is not None:
        return known
    return _listed_files(json_object(response), _etag(response))


def read_file(
    core: Core, holder: Holder, session_key: str, name: str, to: Path | None, on_progress: OnProgress | None = None
) -> Flow[File]:
    """Read one file, decrypted and checked, into memory or to the path `to`. Protocol 6.3, 6.5."""
    check_holder(holder)
    check_text("file_name", name, "the name of a file, as in FileEntry.name")
    check_callback("on_progress", on_progress)
    receiver = FileReceiver(name, core.configuration.private_key, to, on_progress=on_progress)
    try:
        yield from _call_for_file(core, holder, session_key, name, "GET", receiver)
    finally:
        receiver.abort()
    return replace(receiver.received_file(), user=user_name(holder))


def read_file_metadata(core: Core, holder: Holder, session_key: str, name: str) -> Flow[FileHeader]:
    """Read the metadata of a file without its content. Protocol 6.4."""
    check_holder(holder)
    check_text("file_name", name, "the name of a file, as in FileEntry.name")
    response = yield from _call_for_file(core, holder, session_key, name, "HEAD", None)
    return read_as(FileHeader, decode_metadata(response.headers.get("x-metadata", "")))


def _listed_files(answer: Mapping[str, Any], etag: str | None) -> ListedFiles:
    """Parse a file list entry by entry, so that one bad entry does not hide the others."""
    raw = answer.get("fileList")
    if raw is None:
        return ListedFiles(read_as(FileList, answer), etag)
    entries, unreadable = [], {}
    for number, entry in enumerate(read_as(list[Any], raw)):
        try:
            entries.append(read_as(FileEntry, entry))
        except InvalidAnswer as error:
            name = entry.get("name") if isinstance(entry, dict) else None
            unreadable[name if isinstance(name, str) else f"entry {number} of the file list"] = error
    files = read_as(FileList, {"status": answer.get("status")})
    return ListedFiles(files.model_copy(update={"file_list": entries}), etag, unreadable)


def _etag(response: Response) -> str | None:
    """Return the etag of a response, if it can be sent back in a header."""
    etag = response.headers.get("etag", "")
    return etag if _ETAG.fullmatch(etag) else None


def _call_for_file(
    core: Core, holder: Holder, session_key: str, name: str, method: str, receiver: FileReceiver | None
) -> Flow[Response]:
    path = f"permission-access/query/{quote(session_key, safe='')}/{quote(name, safe='')}"

    def call(access_token: str) -> Flow[Response]:
        headers = core.configuration.bearer(access_token=access_token) | {"accept": OCTET_STREAM}
        url = core.configuration.api + path
        request = Request(method=method, url=url, route=FILE_ROUTE, headers=headers, receiver=receiver)
        return send(request, core.configuration.retries)

    return as_user(holder, call, refresh_on=_may_be_stale)


def _may_be_stale(error: PrivateShareError) -> bool:
    """Tell whether a call for a file failed for its token: such a response may have no code (protocol 13)."""
    return is_invalid_token(error) or error.status == UNAUTHORIZED
