"""The storage of the platform in memory. It keeps the encrypted bytes that it gets. Protocol 11."""

import re
import secrets
import time

from privateshare.errors import NotFound
from privateshare.protocol import addresses, jwt
from privateshare.protocol.bearer import read_bearer
from privateshare.protocol.storage_paths import storage_path
from privateshare.testing.endpoints import PlatformCall, PlatformResponse, json_response
from privateshare.testing.state import APPLICATION, CONTRACT, FileInStorage, PlatformState

STORAGE_PATH = addresses.STORAGE_PATH
_FILE = re.compile(rf"{STORAGE_PATH}clouds/(?P<storage>[^/]+)/files(?P<path>/apps/{APPLICATION}/.*)")


def respond_to_storage(state: PlatformState, call: PlatformCall) -> PlatformResponse:
    """Respond to a call as the storage does. Raise the ApiErrors that it would answer."""
    claims = jwt.verify(read_bearer(call.headers), state.contract_key.public_key())
    match = _FILE.fullmatch(call.path)
    files = state.storages.get(match["storage"]) if match else None
    if match is None or files is None or (claims.get("sub"), claims.get("iss")) != (APPLICATION, CONTRACT):
        raise NotFound("There is no such storage")
    at = storage_path(match["path"])
    key = at.key
    if call.method == "POST":
        id_ = secrets.token_hex(16)
        files[key] = FileInStorage(id_, at.written, call.body, int(time.time() * 1000))
        return json_response({"id": id_}, 201)
    if call.method == "DELETE":
        removed = [name for name in files if name == key or (key.endswith("/") and name.startswith(key))]
        if not removed and not key.endswith("/"):
            raise NotFound("There is no such file")
        for name in removed:
            del files[name]
        return json_response({"deleted": len(removed)})
    if key.endswith("/"):
        return _listing(files, key, recursive=call.query.get("recursive") == ["true"])
    if key not in files:
        raise NotFound("There is no such file")
    return PlatformResponse(200, {"content-type": "application/octet-stream"}, files[key].body)


def _listing(files: dict[str, FileInStorage], folder: str, *, recursive: bool) -> PlatformResponse:
    files_found = [
        {
            "id": file.id,
            "name": key.rsplit("/", 1)[1],
            "originalName": file.path.rsplit("/", 1)[1],
            "originalPath": file.path.rsplit("/", 1)[0] + "/",
            "path": key.rsplit("/", 1)[0] + "/",
            "size": len(file.body),
            "updatedDate": file.updated,
        }
        for key, file in files.items()
        if key.startswith(folder) and (recursive or "/" not in key.removeprefix(folder))
    ]
    return json_response({"files": files_found, "total": len(files_found)})
