"""The contract of stores for erasure keys (platform/keystore/store.py), tested with every implementation."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from tests.s3 import S3, serving_s3

from privateshare.errors import ConfigurationError
from privateshare.platform.keystore.cloud import CloudKeys
from privateshare.platform.keystore.erasure_keys import check_keys_can_be_destroyed, claim_store
from privateshare.platform.keystore.local import LocalKeys
from privateshare.platform.keystore.opening import open_keys
from privateshare.platform.keystore.store import KEY_BYTES, CopiesRemain, KeyMissing, KeyStore, KeyStoreUnavailable

KEY, OTHER = os.urandom(KEY_BYTES), os.urandom(KEY_BYTES)
NAME = uuid4()
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    """Provide an S3 server while these tests run."""
    with serving_s3() as serving:
        yield serving


@pytest.fixture(params=["local", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> KeyStore:
    """Provide one store of each kind, claimed."""
    if request.param == "s3":
        s3: S3 = request.getfixturevalue("s3")
        opened: KeyStore = CloudKeys(f"s3://{s3.bucket()}/some/keys")
    else:
        opened = open_keys((tmp_path / "keys").as_uri() if request.param == "local" else "memory:///keys")
    opened.claim("database 1")
    return opened


def names(store: KeyStore) -> list[UUID]:
    now = datetime.now(UTC)
    return sorted(store.names_between(now - HOUR, now + HOUR))


def missing(store: KeyStore, name: UUID) -> bool:
    with pytest.raises(KeyMissing):
        store.read(name)
    return True


def test_a_key_is_read_as_it_was_created(store: KeyStore) -> None:
    """Each key is read under its own name."""
    first, second = uuid4(), uuid4()
    store.create(first, KEY)
    store.create(second, OTHER)
    assert (store.read(first), store.read(second)) == (KEY, OTHER)
    assert names(store) == sorted([first, second])


def test_a_destroyed_key_is_gone(store: KeyStore) -> None:
    """Only the named key is destroyed. Destroying it again or an unknown key is no error."""
    first, second = uuid4(), uuid4()
    store.create(first, KEY)
    store.create(second, OTHER)
    for name in (first, first, uuid4()):
        store.destroy(name)
    assert missing(store, first)
    assert store.read(second) == OTHER
    assert names(store) == [second]


def test_names_are_listed_by_the_time_of_creation(store: KeyStore) -> None:
    """The entry of the store's owner and foreign files are not listed as keys."""
    store.create(name := uuid4(), KEY)
    now = datetime.now(UTC)
    assert list(store.names_between(now - HOUR, now + HOUR)) == [name]
    assert list(store.names_between(now - 2 * HOUR, now - HOUR)) == []
    assert list(store.names_between(now + HOUR, now + 2 * HOUR)) == []


def test_a_store_belongs_to_one_database(store: KeyStore) -> None:
    """A database accepts only its own store, and a new database an unclaimed one."""
    claim_store(store, "database 1", is_new=True)
    claim_store(store, "database 1", is_new=False)
    for is_new in (True, False):
        with pytest.raises(ConfigurationError, match="belongs to another database"):
            claim_store(store, "database 2", is_new=is_new)
    assert store.owner() == "database 1"


@pytest.mark.parametrize("kind", ["local", "memory", "s3"])
def test_a_missing_store_is_not_created_again(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A database with libraries creates no store, because the disk may not be mounted or the setting is wrong."""
    urls: dict[str, Callable[[], str]] = {
        "local": lambda: (tmp_path / "a" / "keys").as_uri(),
        "memory": lambda: "memory:///",
    }
    url = urls[kind]() if kind in urls else f"s3://{request.getfixturevalue('s3').bucket()}"
    with pytest.raises(ConfigurationError, match="nothing was changed"):
        claim_store(open_keys(url), "database 1", is_new=False)
    assert list(tmp_path.iterdir()) == []
    store = open_keys(url)
    claim_store(store, "database 1", is_new=True)
    assert store.owner() == "database 1"


def test_a_store_without_old_versions_is_accepted(store: KeyStore) -> None:
    """The check of the store leaves nothing behind."""
    check_keys_can_be_destroyed(store)
    assert names(store) == []


def test_other_schemes_are_rejected() -> None:
    """The error lists the known schemes."""
    with pytest.raises(ConfigurationError, match=r"'ftp'.*s3"):
        open_keys("ftp://host/folder")


# --- in a folder ---


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def local(folder: Path) -> LocalKeys:
    keys = LocalKeys(folder)
    keys.claim("database 1")
    return keys


def test_only_the_owner_can_read(folder: Path) -> None:
    """The folder and its files can be read only by their owner, whatever the umask is."""
    old = os.umask(0)
    try:
        keys = LocalKeys(folder)
        keys.claim("database 1")
        keys.create(NAME, KEY)
    finally:
        os.umask(old)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777, 0o701])
def test_a_folder_that_others_may_enter_is_rejected(local: LocalKeys, folder: Path, mode: int) -> None:
    """The error says how to correct the permissions."""
    folder.chmod(mode)
    with pytest.raises(ConfigurationError, match=f"chmod -R go= {folder}"):
        LocalKeys(folder)


def test_a_key_is_overwritten_in_place(local: LocalKeys, folder: Path) -> None:
    """A process that still has the file open, like the disk's block, reads nothing of the key."""
    local.create(NAME, KEY)
    assert [path.name for path in folder.iterdir() if KEY in path.read_bytes()] == [str(NAME)]
    with (folder / str(NAME)).open("rb") as same_block:
        local.destroy(NAME)
        content = same_block.read()
    assert len(content) == 4096
    assert not content.strip(b"\0")
    assert [path.name for path in folder.iterdir()] == ["database"]


def test_an_overwritten_or_truncated_file_is_no_key(local: LocalKeys, folder: Path) -> None:
    """A crash may leave an overwritten file, which is not read as a key."""
    for content in (b"", KEY, bytes(4096), KEY + bytes(100)):
        (folder / str(NAME)).write_bytes(content)
        assert missing(local, NAME)
    local.destroy(NAME)
    assert names(local) == []


def test_a_name_is_used_once(local: LocalKeys) -> None:
    """No key is ever written over another key."""
    local.create(NAME, KEY)
    with pytest.raises(KeyStoreUnavailable):
        local.create(NAME, OTHER)
    assert local.read(NAME) == KEY


def test_a_full_disk_keeps_no_part_of_a_key(local: LocalKeys) -> None:
    """On a full disk, existing keys can still be destroyed."""
    import resource

    local.create(before := uuid4(), KEY)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
    try:
        with pytest.raises(KeyStoreUnavailable, match="File too large"):
            local.create(NAME, KEY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert names(local) == [before]


@pytest.mark.parametrize("call", ["create", "read", "destroy", "owner", "names"])
def test_a_failing_folder_is_reported_as_unavailable(local: LocalKeys, folder: Path, call: str) -> None:
    """No key is reported as missing because of an error of the system."""
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("no folder")
    calls: dict[str, Callable[[], object]] = {
        "create": lambda: local.create(NAME, KEY),
        "read": lambda: local.read(NAME),
        "destroy": lambda: local.destroy(NAME),
        "owner": lambda: local.owner(),
        "names": lambda: names(local),
    }
    with pytest.raises(KeyStoreUnavailable):
        calls[call]()


KILLED = """
import os, signal, sys
from pathlib import Path
from uuid import UUID
from privateshare.platform.keystore.local import LocalKeys

steps, left = ("open", "fsync", "unlink"), int(sys.argv[2])

def counted(call):
    def counting(*arguments, **options):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return call(*arguments, **options)
    return counting

keys = LocalKeys(Path(sys.argv[1]))
for step in steps:
    setattr(os, step, counted(getattr(os, step)))
getattr(keys, sys.argv[3])(UUID(sys.argv[4]), *(bytes.fromhex(key) for key in sys.argv[5:]))
"""


def killed(folder: Path, step: int, *call: str) -> bool:
    """Kill the call, in its own process, before its n-th system call; return whether it was killed."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(step), *call])
    assert done.returncode in (0, -signal.SIGKILL)
    return done.returncode != 0


def test_killed_while_destroying(local: LocalKeys, folder: Path) -> None:
    """At every step the key is either whole or unreadable, and destroying it again completes it."""
    seen = []
    for step in range(10):
        local.create(name := uuid4(), KEY)
        was_killed = killed(folder, step, "destroy", str(name))
        try:
            seen.append(local.read(name) == KEY)
        except KeyMissing:
            seen.append(False)
        assert seen[-1] is any(KEY in path.read_bytes() for path in folder.iterdir())
        local.destroy(name)
        assert names(local) == []
        if not was_killed:
            break
    assert seen == sorted(seen, reverse=True)
    assert {True, False} == set(seen)
    assert not was_killed


def test_killed_while_creating(local: LocalKeys, folder: Path) -> None:
    """At every step the key is either whole or missing, in no other file, and can be destroyed."""
    for step in range(10):
        was_killed = killed(folder, step, "create", str(name := uuid4()), KEY.hex())
        holding = [path.name for path in folder.iterdir() if KEY in path.read_bytes()]
        assert holding in ([], [str(name)])
        assert was_killed or local.read(name) == KEY
        for name in names(local):
            local.destroy(name)
        if not was_killed:
            break
    assert not was_killed


# --- in S3 ---


@pytest.mark.parametrize("versioning", [None, "Suspended"])
def test_a_bucket_without_versions_destroys_keys(s3: S3, versioning: str | None) -> None:
    """Nothing of a destroyed key can be read in any way."""
    bucket = s3.bucket(versioning)
    store = CloudKeys(f"s3://{bucket}/keys")
    check_keys_can_be_destroyed(store)
    store.create(NAME, KEY)
    assert KEY in s3.everything(bucket)
    store.destroy(NAME)
    assert s3.everything(bucket).strip(b"\0") == b""
    assert names(store) == []


def test_a_bucket_with_versions_is_rejected(s3: S3) -> None:
    """One line says which setting of the bucket to change."""
    store = CloudKeys(f"s3://{s3.bucket('Enabled')}/keys")
    with pytest.raises(ConfigurationError, match=r"older versions.*PRIVATESHARE_KEY_URL to a bucket without") as told:
        check_keys_can_be_destroyed(store)
    assert "\n" not in str(told.value)


def test_a_key_is_not_taken_for_destroyed_while_a_version_of_it_is_left(s3: S3) -> None:
    """Every try fails until the operator has deleted the remaining version of the key."""
    store = CloudKeys(f"s3://{(bucket := s3.bucket('Enabled'))}")
    store.create(NAME, KEY)
    (holding,) = s3.client.list_object_versions(Bucket=bucket)["Versions"]
    for _ in range(3):
        with pytest.raises(CopiesRemain):
            store.destroy(NAME)
        assert KEY in s3.everything(bucket)
        assert missing(store, NAME)
    s3.client.delete_object(Bucket=bucket, Key=str(NAME), VersionId=holding["VersionId"])
    store.destroy(NAME)
    assert KEY not in s3.everything(bucket)
    assert names(store) == []


def test_a_missing_bucket_is_unavailable(s3: S3) -> None:
    """A missing bucket can neither be read nor claimed."""
    store = CloudKeys(f"s3://none-{uuid4()}")
    assert store.owner() is None
    with pytest.raises(KeyStoreUnavailable):
        store.create(NAME, KEY)


def test_an_unreachable_server_is_reported_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The timeout is short, because callers of the platform wait for it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    store = CloudKeys("s3://bucket/keys")
    for call in (lambda: store.read(NAME), lambda: store.destroy(NAME), lambda: store.owner()):
        with pytest.raises(KeyStoreUnavailable):
            call()
