"""A server that speaks as much of S3 as the platform uses, and keeps its objects in a folder.

An object is there completely or not at all, however the server ends. It reads before each request which faults it
should have:

    python -m tests.chaos.s3_server PORT FOLDER
"""

import json
import os
import socket
import struct
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from email.utils import formatdate
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4
from xml.etree.ElementTree import fromstring
from xml.sax.saxutils import escape

FAULTS, BUCKETS, UPLOADS = "faults.json", "buckets", "uploads"
PAGE_KEYS = 1000
CLOSE_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER, so that the other side learns of it as if the process had ended.


@dataclass(frozen=True)
class Faults:
    """What the server does wrong.

    Attributes:
        fails: Whether it answers 500, and does nothing.
        delay_seconds: How long it waits before it does something.
        breaks_off: Whether it ends each connection in the middle of its answer, after it has done what was asked. Of an
            answer without a body it sends nothing.
    """

    fails: bool = False
    delay_seconds: float = 0.0
    breaks_off: bool = False

    def write(self, folder: Path) -> None:
        """Let the server of this folder have these faults from its next request on."""
        new = folder / f"{FAULTS}.new"
        new.write_text(json.dumps(asdict(self)))
        new.replace(folder / FAULTS)


@dataclass(frozen=True)
class Answer:
    """A response."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] | None = None


class Store:
    """The objects in a folder."""

    def __init__(self, folder: Path) -> None:
        self._buckets, self._uploads = folder / BUCKETS, folder / UPLOADS
        for place in (self._buckets, self._uploads):
            place.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        """Return the file of an object, by its bucket and key."""
        found = (self._buckets / name).resolve()
        assert found.is_relative_to(self._buckets.resolve()), name
        return found

    def put(self, path: Path, body: bytes) -> Answer:
        """Write a file completely."""
        temporary = self._uploads / str(uuid4())
        try:
            temporary.write_bytes(body)
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        return Answer(200, headers={"ETag": _etag(body)})

    def get(self, path: Path, asked: str | None) -> Answer:
        """Return an object, or the bytes of it that were asked for."""
        try:
            body = path.read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            return _error(404, "NoSuchKey")
        headers = {"ETag": _etag(body), "Last-Modified": formatdate(path.stat().st_mtime, usegmt=True)}
        if asked is None:
            return Answer(200, body, headers)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, end = int(first), min(int(last) if last else len(body), len(body) - 1)
        if start > end:
            return _error(416, "InvalidRange")
        headers["Content-Range"] = f"bytes {start}-{end}/{len(body)}"
        return Answer(206, body[start : end + 1], headers)

    def delete(self, bucket: str, document: bytes) -> Answer:
        """Remove the objects that a document names, which need not be there."""
        keys = [element.text or "" for element in fromstring(document).iter() if element.tag.endswith("Key")]
        for key in keys:
            self.path(f"{bucket}/{key}").unlink(missing_ok=True)
        return _xml("DeleteResult", "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys))

    def begin_upload(self) -> Answer:
        """Begin an upload in parts."""
        id_ = str(uuid4())
        (self._uploads / f"{id_}.parts").mkdir()
        return _xml("InitiateMultipartUploadResult", f"<UploadId>{id_}</UploadId>")

    def part(self, upload: str, number: str) -> Path:
        """Return the file of one part of an upload."""
        return self._uploads / f"{upload}.parts" / f"{int(number):06}"

    def complete_upload(self, upload: str, path: Path) -> Answer:
        """Put the parts of an upload together."""
        parts = sorted((self._uploads / f"{upload}.parts").glob("*"))
        if not parts:
            return _error(404, "NoSuchUpload")
        answer = self.put(path, b"".join(part.read_bytes() for part in parts))
        self.abort_upload(upload)
        return _xml("CompleteMultipartUploadResult", f"<ETag>{escape((answer.headers or {})['ETag'])}</ETag>")

    def abort_upload(self, upload: str) -> Answer:
        """Remove the parts of an upload."""
        for part in (self._uploads / f"{upload}.parts").glob("*"):
            part.unlink(missing_ok=True)
        return Answer(204)

    def list(self, bucket: str, query: Mapping[str, str]) -> Answer:
        """List the keys of a bucket that begin with a prefix, a page at a time."""
        after = query.get("continuation-token") or query.get("start-after", "")
        keys = [key for key in sorted(self._keys(bucket)) if key.startswith(query.get("prefix", "")) and key > after]
        page, rest = keys[:PAGE_KEYS], keys[PAGE_KEYS:]
        entries = "".join(map(self._entry, [bucket] * len(page), page))
        more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if rest else ""
        end = f"<IsTruncated>{str(bool(rest)).lower()}</IsTruncated>{more}<KeyCount>{len(page)}</KeyCount>"
        return _xml("ListBucketResult", f"<Name>{bucket}</Name>{entries}{end}")

    def _keys(self, bucket: str) -> Iterator[str]:
        root = self._buckets / bucket
        for folder, _, names in os.walk(root):
            yield from ((Path(folder) / name).relative_to(root).as_posix() for name in names)

    def _entry(self, bucket: str, key: str) -> str:
        try:
            facts = (self._buckets / bucket / key).stat()
        except FileNotFoundError:  # It was deleted meanwhile.
            return ""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(facts.st_mtime)) + f".{facts.st_mtime_ns % 10**9:09}"
        facts_of = f"<LastModified>{moment[:-6]}Z</LastModified><Size>{facts.st_size}</Size>"
        return f"<Contents><Key>{escape(key)}</Key>{facts_of}</Contents>"


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    folder: Path
    store: Store

    def answer(self) -> None:
        """Do what a request asks for, unless a fault prevents it."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # The client is gone.
            self.close_connection = True
            return
        faults = Faults(**json.loads((self.folder / FAULTS).read_text()))
        time.sleep(faults.delay_seconds)
        if faults.fails:
            self._send(_error(500, "InternalError"))
            return
        try:
            done = self._do(body)
        except OSError as error:  # Such as a full disk.
            done = _error(503, type(error).__name__)
        self._send(done, breaks_off=faults.breaks_off)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 - these are the names that it calls

    def _do(self, body: bytes) -> Answer:
        parts, store = urlsplit(self.path), self.store
        name = unquote(parts.path).strip("/")
        query = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        upload = query.get("uploadId")
        if "list-type" in query:
            return store.list(name, query)
        path = store.path(name)
        match self.command:
            case "GET" | "HEAD":
                return store.get(path, self.headers.get("Range"))
            case "PUT":
                return store.put(store.part(upload, query["partNumber"]) if upload else path, body)
            case "POST" if "delete" in query:
                return store.delete(name, body)
            case "POST":
                return store.complete_upload(upload, path) if upload else store.begin_upload()
            case "DELETE" if upload:
                return store.abort_upload(upload)
        return _error(405, "MethodNotAllowed")

    def _send(self, answer: Answer, *, breaks_off: bool = False) -> None:
        body = b"" if self.command == "HEAD" else answer.body
        if body or not breaks_off:
            self.send_response(answer.status)
            for name, value in (answer.headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if breaks_off else body)
        if breaks_off:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSE_AT_ONCE)
            self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Write no log."""


def _etag(body: bytes) -> str:
    return f'"{md5(body, usedforsecurity=False).hexdigest()}"'


def _xml(name: str, content: str) -> Answer:
    namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    document = f'<?xml version="1.0" encoding="UTF-8"?><{name} xmlns="{namespace}">{content}</{name}>'
    return Answer(200, document.encode(), {"Content-Type": "application/xml"})


def _error(status: int, code: str) -> Answer:
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>{code}</Message></Error>'
    return Answer(status, body.encode(), {"Content-Type": "application/xml"})


def main() -> None:
    """Serve until killed."""
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    Handler.folder, Handler.store = folder, Store(folder)
    ThreadingHTTPServer.request_queue_size = 256
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()
