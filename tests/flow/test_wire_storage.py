"""Tests of protocol 11 without the SDK: storage, by HTTP and hand-made JWTs."""

import json
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from privateshare.platform.db.tables import ContractRow, MergeRow
from privateshare.platform.library.storages import assign_storage
from privateshare.platform.me.merge_job import merge_libraries
from privateshare.platform.runtime import Platform
from tests.flow.files import files_below
from tests.flow.people import People
from tests.flow.served import Served
from tests.flow.storage_calls import bearer, cloud, multipart
from tests.flow.wire import Wire, check_error, ps512
from tests.patience import GIVE_UP_SECONDS, wait_for

FORM_TYPE = "multipart/form-data; boundary=the-boundary"


@pytest.fixture(scope="module")
async def wire(people: People) -> Wire:
    return await people.contract()


@pytest.fixture(scope="module")
def storage(wire: Wire) -> str:
    answer = wire.post("storage")
    assert answer.status_code == 200
    assert answer.json()["kid"] == f"{wire.contract_id}_{wire.application_id}_0"
    return str(answer.json()["id"])


def pieces(content: bytes, step: int = 50_000) -> Iterator[bytes]:
    """Return a body that is sent in chunks."""
    return (content[start : start + step] for start in range(0, len(content), step))


def raw_upload(wire: Wire, storage: str, path: str, headers: dict[str, str]) -> AbstractContextManager[socket.socket]:
    """Open a connection on which the head of an upload was sent, letter for letter."""
    return raw_request(wire, "POST", storage, path, headers)


@contextmanager
def raw_request(wire: Wire, method: str, storage: str, path: str, headers: dict[str, str]) -> Iterator[socket.socket]:
    """Open a connection on which the head of a request was sent, letter for letter."""
    address = urlsplit(wire.origin)
    target = f"/cloud/v1/clouds/{storage}/files/apps/{wire.application_id}{path}"
    sent = {"Host": address.netloc, "Authorization": bearer(wire), "Connection": "close"} | headers
    head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    with socket.create_connection((address.hostname, address.port), timeout=GIVE_UP_SECONDS) as connection:
        connection.sendall(f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode())
        yield connection


def blobs(platform: Platform, storage: str) -> set[Path]:
    """Return the names of a storage's blobs."""
    return files_below(platform.settings.data / "blobs" / "storage" / storage)


def written(platform: Platform, storage: str) -> set[Path]:
    """Return the names of complete and of half-written blobs of all storages."""
    return blobs(platform, storage) | files_below(platform.settings.data / "blobs" / ".aside")


@pytest.mark.protocol("11.3")
def test_a_stored_file_is_read_unchanged(wire: Wire, storage: str) -> None:
    """Any bytes are read back, whole and in part. The Content-Type and the case of paths do not matter."""
    content = os.urandom(100_000)
    stray = {"Content-Type": "application/json", "contentType": "multipart/form-data"}
    answer = cloud(wire, "POST", storage, "/Folder//Notes.bin", content=content, headers=stray)
    assert answer.status_code == 201
    UUID(answer.json()["id"])
    assert cloud(wire, "GET", storage, "/folder/notes.BIN").content == content
    part = cloud(wire, "GET", storage, "/Folder/Notes.bin", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, content[10:20])
    assert part.headers["content-range"] == "bytes 10-19/100000"
    tail = cloud(wire, "GET", storage, "/Folder/Notes.bin", headers={"Range": "bytes=-5"})
    assert tail.content == content[-5:]


@pytest.mark.protocol("11.3")
def test_folders_are_listed_flat_and_recursively(wire: Wire, storage: str) -> None:
    """Paths are returned in the form that clients parse, with names in any script."""
    for path in ("/list/a.txt", "/list/Ünï/日本.txt", "/list/sub/c.txt"):
        assert cloud(wire, "POST", storage, path, content=b"x").status_code == 201
    flat = cloud(wire, "GET", storage, "/list/?recursive=false").json()
    deep = cloud(wire, "GET", storage, "/list/?recursive=true").json()
    assert [file["name"] for file in flat["files"]] == ["a.txt"]
    assert deep["total"] == 3
    japanese = next(file for file in deep["files"] if file["name"] == "日本.txt")
    assert japanese["originalPath"] == f"/apps/{wire.application_id}/list/Ünï/"
    assert japanese["path"] == f"/apps/{wire.application_id}/list/Ünï/".lower()


@pytest.mark.protocol("11.3")
def test_files_and_folders_are_deleted(wire: Wire, storage: str) -> None:
    """A path that ends in / deletes a folder, and any other path a file."""
    for path in ("/gone/a", "/gone/b/c", "/gonex"):
        cloud(wire, "POST", storage, path, content=b"x")
    assert cloud(wire, "DELETE", storage, "/gone/a").status_code == 200
    assert cloud(wire, "GET", storage, "/gone/a").status_code == 404
    assert cloud(wire, "DELETE", storage, "/gone/").status_code == 200
    assert cloud(wire, "GET", storage, "/gone/b/c").status_code == 404
    assert cloud(wire, "GET", storage, "/gonex").status_code == 200


@pytest.mark.protocol("11.3")
@pytest.mark.parametrize("path", ["/gone/one", "/gone/", "/"])
async def test_deleted_files_are_removed_from_disk(people: People, platform: Platform, path: str) -> None:
    """Soon after a file is deleted or replaced, its bytes are removed."""
    wire = await people.contract()
    storage = str(wire.post("storage").json()["id"])
    for content in (b"first", b"second"):
        assert cloud(wire, "POST", storage, "/gone/one", content=content).status_code == 201
    assert len(blobs(platform, storage)) == 2
    assert cloud(wire, "DELETE", storage, path).json() == {"deleted": 1}
    wait_for(lambda: not blobs(platform, storage))


@pytest.mark.protocol("11.3")
def test_ranges_are_answered_as_rfc_9110_says(wire: Wire, storage: str) -> None:
    """A range gives 206, an invalid one the whole file, and one outside the file 416."""
    cloud(wire, "POST", storage, "/range", content=b"0123456789")
    for asked, told, content in (
        ("bytes=0-", "bytes 0-9/10", b"0123456789"),
        ("bytes=0-99", "bytes 0-9/10", b"0123456789"),
        ("bytes=9-9", "bytes 9-9/10", b"9"),
        ("bytes=-3", "bytes 7-9/10", b"789"),
        ("Bytes=-30", "bytes 0-9/10", b"0123456789"),
    ):
        answer = cloud(wire, "GET", storage, "/range", headers={"Range": asked})
        assert (answer.status_code, answer.headers["content-range"], answer.content) == (206, told, content), asked
        assert int(answer.headers["content-length"]) == len(content)
    for ignored in ("bytes=5-2", "bytes=-", "bytes=0-1,3-4", "items=0-1", "bytes=x", f"bytes={'1' * 5000}-"):
        answer = cloud(wire, "GET", storage, "/range", headers={"Range": ignored})
        assert (answer.status_code, answer.content) == (200, b"0123456789"), ignored
    for outside in ("bytes=10-", "bytes=-0", "bytes=99-100"):
        answer = cloud(wire, "GET", storage, "/range", headers={"Range": outside})
        assert answer.status_code == 416, outside


@pytest.mark.protocol("11.3")
@pytest.mark.parametrize("chunked", [False, True])
def test_a_multipart_form_is_stored_as_its_file(wire: Wire, storage: str, chunked: bool) -> None:
    """Only the file in a form is stored, byte for byte."""
    content = b"\r\n--no-boundary\r\n" + os.urandom(3_000_000)
    form = multipart([("note", None, b"a field"), ("any name", "a.bin", content)])
    headers = {"Content-Type": FORM_TYPE}
    body = pieces(form) if chunked else form
    answer = cloud(wire, "POST", storage, "/form.bin", content=body, headers=headers)
    assert answer.status_code == 201, answer.text
    assert cloud(wire, "GET", storage, "/form.bin").content == content


@pytest.mark.protocol("11.3")
@pytest.mark.parametrize(
    ("kind", "chunked"),
    [
        *((kind, False) for kind in ("multipart/form-data", FORM_TYPE, "application/json", "")),
        (FORM_TYPE, True),
        *(pytest.param(kind, True, marks=pytest.mark.slow) for kind in ("multipart/form-data", "application/json", "")),
    ],
)
def test_ciphertext_is_stored_unchanged(wire: Wire, storage: str, kind: str, chunked: bool) -> None:
    """A body that does not begin with its boundary is not a form, whatever its Content-Type says."""
    content = b"--the-bound" + os.urandom(120_000)
    body = pieces(content, 7) if chunked else content
    headers = {"Content-Type": kind} if kind else {}
    assert cloud(wire, "POST", storage, "/claimed", content=body, headers=headers).status_code == 201
    assert cloud(wire, "GET", storage, "/claimed").content == content


@pytest.mark.protocol("11.3")
def test_an_invalid_boundary_makes_no_form(wire: Wire, storage: str) -> None:
    """A body whose boundary is longer than allowed is stored unchanged."""
    boundary = "b" * 300
    content = f"--{boundary}\r\n".encode() + os.urandom(1000)
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    assert cloud(wire, "POST", storage, "/long", content=content, headers=headers).status_code == 201
    assert cloud(wire, "GET", storage, "/long").content == content


@pytest.mark.protocol("11.3", "11.5")
def test_a_form_without_exactly_one_complete_file_is_rejected(wire: Wire, storage: str, platform: Platform) -> None:
    """The status is 400 in storage's error format, and nothing is stored."""
    before = written(platform, storage)
    file = ("file", "a", b"x" * 100_000)
    for body in (
        multipart([("note", None, b"x")]),
        multipart([file, file]),
        multipart([file])[:90_000],
        b"--the-boundary--\r\n",
    ):
        answer = cloud(wire, "POST", storage, "/broken", content=body, headers={"Content-Type": FORM_TYPE})
        assert (answer.status_code, answer.json()["error"]) == (400, "InvalidRequest"), body[:200]
    assert cloud(wire, "GET", storage, "/broken").status_code == 404
    wait_for(lambda: not written(platform, storage) - before)


@pytest.mark.protocol("11.3")
@pytest.mark.parametrize("form", [False, True])
@pytest.mark.parametrize("chunked", [False, True])
def test_an_aborted_upload_leaves_nothing(
    wire: Wire, storage: str, platform: Platform, chunked: bool, form: bool
) -> None:
    """Neither the file nor its bytes are kept, and an earlier file is unchanged."""
    path = f"/aborted-{chunked}-{form}"
    cloud(wire, "POST", storage, path, content=b"before")
    before = written(platform, storage)
    content = multipart([("file", "a", b"x" * 3_000_000)])[:2_500_000] if form else b"x" * 2_500_000
    headers = {"Content-Type": FORM_TYPE} if form else {}
    headers |= {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": "5000000"}
    with raw_upload(wire, storage, path, headers) as connection:
        connection.sendall(f"{len(content):x}\r\n".encode() + content + b"\r\n" if chunked else content)
        wait_for(lambda: bool(written(platform, storage) - before))  # The file is being received.
    wait_for(lambda: not written(platform, storage) - before)
    assert cloud(wire, "GET", storage, path).content == b"before"


@pytest.mark.protocol("11.3")
def test_paths_compare_without_case_in_any_script(wire: Wire, storage: str) -> None:
    """Letters of every script are compared without case and normalised, and listed as they were written."""
    for written, asked in (
        ("/Straße/ΟΔΟΣ.txt", "/STRAßE/οδοσ.TXT"),
        ("/e\u0301t\u00e9", "/\u00c9TE\u0301"),
        ("/ДОКУМЕНТ", "/документ"),
        ("/a//b///c", "/A/B/C"),
    ):
        assert cloud(wire, "POST", storage, quote(written), content=written.encode()).status_code == 201
        assert cloud(wire, "GET", storage, quote(asked)).content == written.encode(), asked
    listed = cloud(wire, "GET", storage, quote("/STRAßE/")).json()["files"]
    assert [file["originalName"] for file in listed] == ["ΟΔΟΣ.txt"]
    cloud(wire, "POST", storage, quote("/straße/Οδοσ.TXT"), content=b"again")
    listed = cloud(wire, "GET", storage, quote("/STRAßE/")).json()["files"]
    assert [file["originalName"] for file in listed] == ["Οδοσ.TXT"]
    assert cloud(wire, "DELETE", storage, quote("/STRAßE/")).json() == {"deleted": 1}


@pytest.mark.protocol("11.3")
def test_different_names_never_overwrite_each_other(wire: Wire, storage: str) -> None:
    """Names that are equal only after full case folding are kept, listed and deleted separately."""
    names = ["Maße", "Masse", "ﬁle", "file", "οδος", "οδοσ", "\u212aelvin", "kelvin", "ırmak", "irmak", "İrmak"]
    for folder in ("/names/", "/Straße/"):
        for name in names:
            path = quote(folder + name)
            assert cloud(wire, "POST", storage, path, content=name.encode()).status_code == 201
    assert cloud(wire, "GET", storage, quote("/Strasse/")).json()["total"] == 0
    listed = cloud(wire, "GET", storage, "/NAMES/?recursive=true").json()["files"]
    assert {file["originalName"] for file in listed} == set(names)
    for file in listed:
        path = file["path"].removeprefix(f"/apps/{wire.application_id.lower()}") + file["name"]
        assert cloud(wire, "GET", storage, quote(path)).content.decode() == file["originalName"]
    assert cloud(wire, "DELETE", storage, quote("/names/Maße")).status_code == 200
    assert cloud(wire, "GET", storage, "/names/MASSE").content == b"Masse"
    assert cloud(wire, "DELETE", storage, quote("/STRAßE/")).json() == {"deleted": len(names)}


@pytest.mark.protocol("11.5")
@pytest.mark.parametrize(
    "name", ["caf%E9", "caf%E8", "%C0%AF", "%ED%A0%80", "%F4%90%80%80", "%FF", "a%c3", "%e9/x", "%E9/"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_path_that_is_not_utf8_is_rejected(wire: Wire, storage: str, method: str, name: str) -> None:
    """Decoding could make two names equal, and an upload could replace another file."""
    with raw_request(wire, method, storage, f"/{name}", {"Content-Length": "0"}) as connection:
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400"), answer
    assert set(json.loads(answer.partition(b"\r\n\r\n")[2])) == {"error", "message"}


@pytest.mark.protocol("11.3")
@pytest.mark.slow
async def test_a_folder_of_100_000_files_is_listed_and_deleted(
    people: People, platform: Platform, served: Served
) -> None:
    """One response lists every file once in little memory, and only these files are deleted."""
    wire = await people.contract()
    storage = str(wire.post("storage").json()["id"])
    cloud(wire, "POST", storage, "/kept", content=b"x")
    filled = text(
        "INSERT INTO stored_files (storage_id, key, id, path, blob, size) "
        "SELECT CAST(:storage AS text), '/many/' || n, gen_random_uuid(), '/Many/' || n, "
        "'storage/' || CAST(:storage AS text) || '/' || n, 0 FROM generate_series(1, 100000) AS n"
    )
    async with platform.database.transaction() as db:
        await db.execute(filled, {"storage": storage})
    with growth_of(served, at_most=20):
        listed = cloud(wire, "GET", storage, "/MANY/").json()
    assert listed["total"] == len({file["name"] for file in listed["files"]}) == 100_000
    assert cloud(wire, "GET", storage, "/?recursive=false").json()["total"] == 1
    with growth_of(served, at_most=20):
        assert cloud(wire, "DELETE", storage, "/many/").json() == {"deleted": 100_000}
    assert cloud(wire, "GET", storage, "/?recursive=true").json()["total"] == 1


@contextmanager
def growth_of(served: Served, *, at_most: int) -> Iterator[None]:
    """Checks that the server's memory grows by so many megabytes at most, also in between."""
    process = Path(f"/proc/{served.process.pid}")
    if process.exists():  # Other systems do not have this file.
        (process / "clear_refs").write_text("5")  # This resets the peak.
    before = peak_megabytes(process)
    yield
    assert peak_megabytes(process) - before <= at_most


def peak_megabytes(process: Path) -> int:
    """Return the most memory that a process had."""
    found = re.search(r"VmHWM:\s+(\d+)", (process / "status").read_text()) if process.exists() else None
    return int(found[1]) // 1024 if found else 0


@pytest.mark.protocol("11.3")
@pytest.mark.parametrize("files", [999, 1000, 1001, 2000])
async def test_lists_are_complete_at_page_boundaries(people: People, platform: Platform, files: int) -> None:
    """Lists with exactly a page of files, or one more or less, are complete."""
    wire = await people.contract()
    storage = str(wire.post("storage").json()["id"])
    filled = text(
        "INSERT INTO stored_files (storage_id, key, id, path, blob, size) "
        "SELECT CAST(:storage AS text), '/a/' || n, gen_random_uuid(), '/A/' || n, :storage || n, 0 "
        "FROM generate_series(1, CAST(:files AS int)) AS n"
    )
    async with platform.database.transaction() as db:
        await db.execute(filled, {"storage": storage, "files": files})
    listed = cloud(wire, "GET", storage, "/a/").json()
    assert listed["total"] == len(listed["files"]) == len({file["id"] for file in listed["files"]}) == files


@pytest.mark.protocol("11.3")
def test_pattern_characters_in_folder_names_have_no_meaning(wire: Wire, storage: str) -> None:
    """A folder whose name looks like a pattern is listed and deleted alone."""
    for path in ("/p_n/x", "/pan/x", "/p%n/x", "/p/n/x", "/p_n0/x", "/p_n-/x"):
        assert cloud(wire, "POST", storage, quote(path), content=b"x").status_code == 201
    for folder in ("/p_n/", "/p%n/"):
        assert cloud(wire, "GET", storage, quote(folder)).json()["total"] == 1
        assert cloud(wire, "DELETE", storage, quote(folder)).json() == {"deleted": 1}
    for path in ("/pan/x", "/p/n/x", "/p_n0/x", "/p_n-/x"):
        assert cloud(wire, "GET", storage, path).status_code == 200


@pytest.mark.protocol("11.5")
@pytest.mark.parametrize(
    "path",
    [
        "/a/../b",
        "/a/%2e%2e/b",
        "/a/%2E%2E%2Fb",
        "/..",
        "/a/%00b",
        "/a/%0ab",
        "/a/%c2%85b",
        "/a/%2e/b",
        "/" + "x" * 1024,
        "/" + "%c4%b0" * 511,  # The folded path is longer than the written one.
    ],
)
def test_bad_storage_paths_are_rejected(wire: Wire, storage: str, path: str) -> None:
    """The status is 400 in storage's error format, even for paths that client libraries would normalise."""
    with raw_upload(wire, storage, path, {"Content-Length": "1"}) as connection:
        connection.sendall(b"x")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400"), head
    assert set(json.loads(body)) == {"error", "message"}


@pytest.mark.protocol("11.5")
def test_the_longest_path_is_accepted(wire: Wire, storage: str) -> None:
    """A path may have 1024 bytes, including the slash at its beginning."""
    path = "/" + "x" * 1023
    assert cloud(wire, "POST", storage, path, content=b"x").status_code == 201
    assert cloud(wire, "GET", storage, path).content == b"x"


@pytest.mark.protocol("13")
def test_storage_errors_are_also_in_the_headers(wire: Wire, storage: str) -> None:
    """Code, message and reference are in headers, because a client may expect a binary body."""
    answer = cloud(wire, "GET", storage, "/nothing-here")
    assert answer.headers["x-error-code"] == answer.json()["error"] == "NotFound"
    assert answer.headers["x-error-message"] == answer.json()["message"]
    assert answer.headers["x-error-reference"] == answer.headers["x-request-id"]


@pytest.mark.protocol("11.2")
async def test_a_storage_is_its_applications_only(wire: Wire, storage: str, people: People) -> None:
    """Other applications, keys and foreign JWTs get the same error, whether the storage exists or not."""
    other = await people.contract()
    cloud(wire, "POST", storage, "/mine", content=b"secret")
    for answer in (
        cloud(other, "GET", storage, "/mine"),
        cloud(other, "GET", storage, "/mine", application=wire.application_id),
        cloud(wire, "GET", "0" * 36, "/mine"),
        cloud(other, "DELETE", storage, "/mine"),
        cloud(other, "POST", storage, "/mine", content=b"x"),
    ):
        assert (answer.status_code, answer.json()["error"]) == (404, "NotFound")
    now = int(time.time())
    for claims in (
        {"exp": now - 400, "iat": now - 460},
        {"exp": now + 460, "iat": now + 400},
        {"aud": "api"},
        {"exp": now + 86_400},
        {"iat": "x"},
    ):
        assert cloud(wire, "GET", storage, "/mine", claims=claims).status_code == 400
    assert cloud(wire, "GET", storage, "/mine").content == b"secret"


@pytest.mark.protocol("2.4", "11.2")
def test_storage_and_api_accept_only_their_own_jwts(wire: Wire, storage: str) -> None:
    """Neither accepts a JWT that was made for the other."""
    url = f"{wire.origin}/cloud/v1/clouds/{storage}/files/apps/{wire.application_id}/x"
    answer = wire.http.get(url, headers={"Authorization": f"Bearer {wire.jwt()}"})
    assert answer.status_code in (400, 403)
    now = int(time.time())
    claims = {"sub": wire.application_id, "iss": wire.contract_id, "aud": "cloud", "iat": now, "exp": now + 60}
    token = ps512({"typ": "at+jwt", "alg": "PS512"}, claims, wire.key)
    check_error(wire.get("permission-access/contract", jwt=token), 403, "InvalidClient")


@pytest.mark.protocol("11.1")
async def test_a_storage_is_assigned_to_the_person_who_consents(people: People, platform: Platform) -> None:
    """GET storage finds it after the consent and not before."""
    wire = await people.contract()
    tokens, _ = await people.user(wire)
    check_error(wire.get("storage", access_token=tokens.access), 404, "NotFound")
    storage = wire.post("storage").json()
    async with platform.database.transaction() as db:
        contract = await db.get_one(ContractRow, wire.contract_id)
        assert await assign_storage(db, contract, storage["id"], await people.library_of(tokens))
    assert wire.get("storage", access_token=tokens.access).json() == storage


@pytest.mark.protocol("11.1")
async def test_a_storage_is_found_by_its_own_application_only(people: People, platform: Platform) -> None:
    """Another application of the same partner has no storage for the same person."""
    wire, sibling = await people.contract(partner="Two apps"), await people.contract(partner="Two apps")
    tokens, _ = await people.user(wire)
    library = await people.library_of(tokens)
    others, _ = await people.user(sibling, library_id=library)
    storage = wire.post("storage").json()["id"]
    async with platform.database.transaction() as db:
        assert await assign_storage(db, await db.get_one(ContractRow, wire.contract_id), storage, library)
    check_error(sibling.get("storage", access_token=others.access), 404, "NotFound")


@pytest.mark.protocol("7.5", "11.3")
async def test_an_upload_into_a_storage_that_is_erased_meanwhile(people: People, platform: Platform) -> None:
    """The upload fails because the storage does not exist, and nothing of the file is kept."""
    wire = await people.contract()
    tokens, _ = await people.user(wire)
    storage = wire.post("storage").json()["id"]
    async with platform.database.transaction() as db:
        contract = await db.get_one(ContractRow, wire.contract_id)
        assert await assign_storage(db, contract, storage, await people.library_of(tokens))
    eraser = Wire(wire.origin, wire.application_id, wire.contract_id, wire.key)

    def content() -> Iterator[bytes]:
        yield b"x" * 100_000
        assert eraser.call("DELETE", "user", access_token=tokens.access).status_code == 200
        yield b"y" * 100_000

    answer = cloud(wire, "POST", storage, "/late", content=content())
    assert (answer.status_code, answer.json()["error"]) == (404, "NotFound")
    assert not blobs(platform, storage)


async def test_merged_people_keep_their_storages(people: People, platform: Platform) -> None:
    """An app that knew a person by two ids finds the storage of each, also after a refresh and a second merge."""
    wire = await people.contract()
    users = [(await people.user(wire, sources=()))[0] for _ in range(3)]
    libraries, storages = [await people.library_of(tokens) for tokens in users], []
    for library in libraries[1:]:  # The first person has none.
        storages.append(wire.post("storage").json()["id"])
        async with platform.database.transaction() as db:
            contract = await db.get_one(ContractRow, wire.contract_id)
            assert await assign_storage(db, contract, storages[-1], library)
    for theirs, mine in ((libraries[2], libraries[1]), (libraries[1], libraries[0])):
        merge = MergeRow(library_id=mine, id=uuid4(), other_id=theirs, other_browser_id=uuid4())
        async with platform.database.transaction() as db:
            db.add(merge)
        await merge_libraries(platform, mine, merge.id)
    check_error(wire.get("storage", access_token=users[0].access), 404, "NotFound")
    for tokens, storage in zip(users[1:], storages, strict=True):
        assert wire.get("storage", access_token=tokens.access).json()["id"] == storage
        renewed = wire.tokens(wire.refresh(tokens.refresh))
        assert wire.get("storage", access_token=renewed.access).json()["id"] == storage
