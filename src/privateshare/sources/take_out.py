"""Archives in which people take everything from one PrivateShare to another, as the page "Take it with me" makes them.

`manifest.json` lists the accounts, and for each kind of data a file with one object on each line. Everything in it may
be made up, as in every upload. So it proves nothing, and each object must be one that its source could have.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, Any, BinaryIO

import orjson

from privateshare.sources.archive import UploadedFile, opened_upload
from privateshare.sources.contract import (
    Connection,
    Identity,
    JsonObject,
    ObjectSchema,
    Page,
    SourceInfo,
)
from privateshare.sources.entries import stored_provenance
from privateshare.sources.failures import UNKNOWN, Broken, LeftOut
from privateshare.sources.fhir_file.mapping import OBJECT_TYPES
from privateshare.sources.identity import UNKNOWN_ORIGIN, Origin
from privateshare.sources.json_records import ObjectRole
from privateshare.sources.page_building import Written, pages
from privateshare.sources.upload_records import records_of_files

MANIFEST = "manifest.json"
FORMAT = re.compile(r"privateshare-export-(\d{1,6})")
VERSION = 1
FHIR = "fhir"
MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_ORIGIN_BYTES = 8 * 1024
MAX_ACCOUNTS = 1000
MAX_NAME_CHARACTERS = 1000
TYPE = re.compile(r"[A-Z_]{1,40}")
# Besides its data, an archive has pages, copies in other formats, and what apps pushed.
OUR_PATH = re.compile(r"index\.html|manifest\.json|(data|pages|apps)/.+", re.DOTALL)
DATA_PATH = re.compile(r"data/[a-z0-9-]+/[a-z0-9-]+(\.origins)?\.ndjson")


@dataclass(frozen=True, slots=True)
class TakenKind:
    """The objects of one kind from one account: the paths of the file with them, and of the file with their origins."""

    object_type: int
    objects: int
    path: str
    origins: str | None
    schema: ObjectSchema


@dataclass(frozen=True, slots=True)
class TakenAccount:
    """An account in such an archive. `sample` is the name of a sample data set, if it is one."""

    source_id: int
    identity: Identity
    sample: str | None
    kinds: Sequence[TakenKind] = field(repr=False)

    @property
    def objects(self) -> int:
        """The number of objects that the archive claims to have."""
        return sum(kind.objects for kind in self.kinds)


def read_accounts(archive: BinaryIO) -> Sequence[TakenAccount]:
    """Read which accounts an upload holds.

    Raises Broken if it is no such archive, one of another version, or damaged.
    """
    manifest = find_manifest(archive)
    if manifest is None:
        raise Broken(
            "This is not the ZIP file of “Take it with me” of a PrivateShare. Choose the file that you got there."
        )
    return accounts_of(manifest)


def find_manifest(archive: BinaryIO) -> JsonObject | None:
    """Return the manifest of an upload; None if it is another archive. Raises Broken if it cannot be opened."""
    with opened_upload(archive, LeftOut(), skip=lambda path: path != MANIFEST) as files:
        found = next((file for file in files if file.path == MANIFEST), None)
        return None if found is None else _read_manifest(found)


def accounts_of(manifest: JsonObject) -> Sequence[TakenAccount]:
    """Read the accounts that a manifest lists. Raises Broken if it is of another version, or damaged."""
    _check_version(str(manifest["format"]))
    try:
        return _accounts(manifest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Broken(
            "The file is damaged, or was changed after it was made. Make the file anew in the other PrivateShare."
        ) from error


def _read_manifest(file: UploadedFile) -> JsonObject | None:
    if file.size > MAX_MANIFEST_BYTES:
        return None
    with file.open() as stream:
        try:
            manifest = orjson.loads(stream.read())
        except orjson.JSONDecodeError:
            return None
    is_ours = isinstance(manifest, dict) and FORMAT.fullmatch(str(manifest.get("format", "")))
    return manifest if is_ours else None


def _check_version(text: str) -> None:
    found = FORMAT.fullmatch(text)
    version = int(found[1]) if found is not None else 0
    if version > VERSION:
        raise Broken("The file was made by a newer version of PrivateShare. Ask who runs this platform to update it.")
    if version < VERSION:
        raise Broken("The file was made by an old version of PrivateShare. Update that one, and make the file anew.")


def _accounts(manifest: Mapping[str, Any]) -> Sequence[TakenAccount]:
    """Parse the accounts. Raises ValueError, KeyError, TypeError or AttributeError."""
    if not isinstance(manifest["kinds"], list) or not isinstance(manifest["accounts"], list):
        raise TypeError("the kinds and accounts must be lists")
    kinds: dict[int, list[TakenKind]] = {}
    for listed in manifest["kinds"]:
        kinds.setdefault(_number(listed["account"]), []).append(_kind(listed))
    accounts = []
    for listed in manifest["accounts"]:
        if "owner" in listed:  # The exporting platform could not read whose the others are.
            accounts.append(_account(listed, kinds.pop(_number(listed["number"]), [])))
    if len(accounts) > MAX_ACCOUNTS:
        raise ValueError("too many accounts")
    return accounts


def _account(listed: Mapping[str, Any], kinds: Sequence[TakenKind]) -> TakenAccount:
    owner, type_ = listed["owner"], _text(listed.get("type", "IMPORTED"))
    if not TYPE.fullmatch(type_):
        raise ValueError("a malformed type of an account")
    named, in_objects = owner.get("named", True) is True, owner.get("id_in_objects")
    in_objects = None if in_objects is None else _text(in_objects)
    identity = Identity(_text(owner["id"]), _text(owner["name"]), type_, named=named, id_in_objects=in_objects)
    sample = listed.get("sample")
    return TakenAccount(_number(listed["source"]), identity, None if sample is None else _text(sample), kinds)


def _kind(listed: Mapping[str, Any]) -> TakenKind:
    schema, origins = listed["schema"], listed.get("origins")
    paths = [_text(listed["path"]), *([] if origins is None else [_text(origins)])]
    if not all(DATA_PATH.fullmatch(path) for path in paths):
        raise ValueError("a path outside of the data")
    return TakenKind(
        _number(listed["kind"]),
        _number(listed["objects"]),
        paths[0],
        paths[1] if origins is not None else None,
        ObjectSchema(_text(schema["standard"]), _text(schema["version"])),
    )


def _number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise ValueError("a number was expected")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_NAME_CHARACTERS:
        raise ValueError("a short text was expected")
    return value


def _not_one_account(number: int) -> Broken:
    if number:
        return Broken("The file holds several accounts of this source. Bring it in under “My data and sharing”.")
    return Broken("The file is from another PrivateShare, and holds no data of this source.")


class TakeOut:
    """The part of such an archive that is of one source, read as if the source had exported it."""

    def __init__(self, accounts: Sequence[TakenAccount], source_id: int, schema: ObjectSchema) -> None:
        self._accounts = [one for one in accounts if one.source_id == source_id]
        self.info = SourceInfo(source_id, 0, 0, (), schema)

    def identify(self, connection: Connection) -> Identity:
        """Return the owner of the account of this source. Everything is read. Raises Broken."""
        account = self._chosen(connection)
        for _ in self._written(account, connection, [kind.object_type for kind in account.kinds]):
            connection.left_out.read += 1
        connection.left_out.check(_not_one_account(0))
        return account.identity

    def fetch(self, connection: Connection, cursors: Mapping[int, str | None]) -> Iterator[Page]:
        """Yield the objects of these types. Raises Broken."""
        return pages(self._written(self._chosen(connection), connection, cursors))

    def _chosen(self, connection: Connection) -> TakenAccount:
        """Return the account that the connection names, or else the only one. Raises Broken."""
        mine = [one for one in self._accounts if one.identity.objects_owner == connection.provider_account_id]
        chosen = mine or [one for one in self._accounts if one.sample is None]
        if len(chosen) != 1:
            raise _not_one_account(len(chosen))
        return chosen[0]

    def _written(self, account: TakenAccount, connection: Connection, types: Collection[int]) -> Iterator[Written]:
        assert connection.archive is not None
        kinds = [kind for kind in account.kinds if kind.object_type in types and kind.schema == self.info.schema]
        with opened_upload(connection.archive, connection.left_out, lambda path: not OUR_PATH.fullmatch(path)) as files:
            found = {file.path: file for file in files}
            for kind in kinds:
                if kind.path in found:
                    yield from _objects(kind, found, connection.left_out)


def _objects(kind: TakenKind, files: Mapping[str, UploadedFile], left_out: LeftOut) -> Iterator[Written]:
    """Yield the objects of one kind. Those that its source could not have are left out."""
    before, read = left_out.count, 0
    origins = _Origins(files.get(kind.origins or ""))
    try:
        for record in records_of_files([files[kind.path]], lambda _thing, _name: ObjectRole.RECORD, left_out):
            read += 1
            line = read + left_out.count - before  # Lines that could not be read count too.
            if not _is_possible(kind, record.thing):
                left_out.leave_out(UNKNOWN, kind.object_type)
                read -= 1
                continue
            provenance = stored_provenance(kind.schema, record.thing, origins.of_line(line))
            if provenance is not None:
                provenance = replace(provenance, order=line)
            yield Written(kind.object_type, record.thing, record.text, provenance)
    finally:
        origins.close()


def _is_possible(kind: TakenKind, thing: JsonObject) -> bool:
    if kind.schema.standard == FHIR:
        return OBJECT_TYPES.get(str(thing.get("resourceType"))) == kind.object_type
    id_ = thing.get("entityid")
    return isinstance(id_, str) and 0 < len(id_) <= MAX_NAME_CHARACTERS


class _Origins:
    """The origins of the objects of a file, read line by line beside it. What is not valid counts as unknown."""

    def __init__(self, file: UploadedFile | None) -> None:
        self._opened = file.open() if file is not None else None
        self._stream: IO[bytes] | None = self._opened.__enter__() if self._opened is not None else None
        self._line = 0

    def of_line(self, line: int) -> Origin:
        """Return the origin on a line. Lines are asked for in their order."""
        text = b""
        while self._stream is not None and self._line < line:
            text = self._stream.readline(MAX_ORIGIN_BYTES)
            self._line += 1
        try:
            server, folder = orjson.loads(text)
            return Origin(_text(server), _text(folder))
        except (ValueError, TypeError):
            return UNKNOWN_ORIGIN

    def close(self) -> None:
        """Close the file."""
        if self._opened is not None:
            self._opened.__exit__(None, None, None)
