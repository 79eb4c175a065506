"""Calls of sessions and their files, by hand-made requests."""

import gzip
import json
import time
from hashlib import sha256
from typing import Any

import brotli

from privateshare.protocol import zstd
from tests.flow.wire import Tokens, Wire, unb64, unsealed
from tests.patience import wait_for

QUERY = "permission-access/query"


TRIGGER = "permission-access/trigger"


def wait_until_over(wire: Wire, tokens: Tokens, session: str) -> dict[str, Any]:
    """Return the file list of a session once nothing runs any more."""
    listed: dict[str, Any] = {}

    def is_over() -> bool:
        answer = wire.get(f"{QUERY}/{session}", access_token=tokens.access)
        assert answer.status_code == 200, answer.text
        listed.update(answer.json())
        return listed["status"]["state"] not in ("running", "pending")

    wait_for(is_over)
    return listed


def triggered(wire: Wire, tokens: Tokens, **options: Any) -> str:
    """Return the key of a new session with these options."""
    answer = wire.post(TRIGGER, access_token=tokens.access, body=options)
    assert answer.status_code == 202, answer.text
    assert answer.json()["session"]["expiry"] > time.time() * 1000
    return str(answer.json()["session"]["key"])


def read(wire: Wire, tokens: Tokens, session: str, name: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Read a file, and return its objects and its X-Metadata."""
    answer = wire.get(
        f"{QUERY}/{session}/{name}", access_token=tokens.access, headers={"Accept": "application/octet-stream"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/octet-stream"
    header = json.loads(unb64(answer.headers["x-metadata"]))
    data = unsealed(answer.content, wire.key)
    decompress = {"gzip": gzip.decompress, "brotli": brotli.decompress, "zstd": unzstd, None: bytes}
    plain = decompress[header.get("compression")](data)
    assert (header["size"], header["sha256"]) == (len(plain), sha256(plain).hexdigest())
    return json.loads(plain), header


def unzstd(data: bytes) -> bytes:
    return zstd.decompress(data)


def texts(wire: Wire, tokens: Tokens, session: str, listed: dict[str, Any]) -> list[str]:
    """Return the plain JSON of every file, as the app gets it."""
    found = []
    for entry in listed["fileList"]:
        answer = wire.get(f"{QUERY}/{session}/{entry['name']}", access_token=tokens.access)
        found.append(gzip.decompress(unsealed(answer.content, wire.key)).decode())
    return found
