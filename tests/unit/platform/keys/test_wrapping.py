"""Tests of the master key and of the data keys that it wraps."""

import os
from base64 import b64encode
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from privateshare.errors import ConfigurationError
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.keys.wrapping import (
    DataKey,
    MasterKey,
    load_master_key,
    new_data_key,
    open_value,
    seal_context,
    seal_value,
)
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.operating.settings import Settings

LIBRARY = UUID(int=7)


def text(key: DataKey) -> str:
    return b64encode(key.value).decode()


def settings(folder: Path, *keys: DataKey | str) -> Settings:
    listed = ",".join(key if isinstance(key, str) else text(key) for key in keys)
    return Settings(data=folder, master_key=SecretStr(listed) if keys else None)


# --- the key file ---


def test_the_first_start_creates_a_permanent_key(tmp_path: Path) -> None:
    """Without a setting, one random key is created, in a file that only its owner can read."""
    made = load_master_key(settings(tmp_path / "data"), create=True)
    file = tmp_path / "data" / "master.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert load_master_key(settings(tmp_path / "data"), create=True) == made
    assert load_master_key(settings(tmp_path / "data")) == made
    assert load_master_key(settings(tmp_path / "other"), create=True) != made
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_may_read_is_rejected(tmp_path: Path, mode: int) -> None:
    """The error says how to correct the permissions."""
    load_master_key(settings(tmp_path), create=True)
    file = tmp_path / "master.key"
    file.chmod(mode)
    with pytest.raises(ConfigurationError, match=f"chmod 600 {file}"):
        load_master_key(settings(tmp_path))


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_a_key_file_of_another_size_is_rejected(tmp_path: Path, content: bytes) -> None:
    """A damaged key is neither used nor replaced by a new one."""
    file = tmp_path / "master.key"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(ConfigurationError, match="32 bytes"):
        load_master_key(settings(tmp_path), create=True)
    assert file.read_bytes() == content


def test_a_missing_key_is_not_created_beside_a_database(tmp_path: Path) -> None:
    """Only the first start creates a key. Later the error names the file, and nothing is created."""
    folder = tmp_path / "data"
    with pytest.raises(ConfigurationError, match=r"data/master\.key is missing"):
        load_master_key(settings(folder))
    assert not folder.exists()


@pytest.mark.parametrize("create", [True, False])
def test_a_folder_in_place_of_the_key_file_is_reported(tmp_path: Path, create: bool) -> None:
    """Docker creates a folder if a file that is to be mounted does not exist."""
    (tmp_path / "master.key").mkdir(mode=0o700)
    with pytest.raises(ConfigurationError, match="cannot read or create the master key"):
        load_master_key(settings(tmp_path), create=create)


def test_a_partial_key_of_a_dead_process_is_ignored(tmp_path: Path) -> None:
    """A half-written key file neither counts as a key nor blocks the next process."""
    (tmp_path / f"master.key.{os.getpid() + 1}").write_bytes(b"half")
    assert load_master_key(settings(tmp_path), create=True) == load_master_key(settings(tmp_path))


# --- keys of the settings ---


@pytest.mark.parametrize("value", ["", "not base64!", b64encode(bytes(31)).decode(), text(DataKey(bytes(32))) + ",x"])
def test_an_invalid_key_setting_is_rejected_without_showing_it(tmp_path: Path, value: str) -> None:
    """The error describes the format of a key and does not show the value."""
    with pytest.raises(ConfigurationError, match="32 bytes in base64") as told:
        load_master_key(settings(tmp_path, value))
    assert not value or value not in str(told.value)


def test_after_a_rotation_older_keys_still_decrypt(tmp_path: Path) -> None:
    """The listed older keys decrypt their data, and new data is encrypted with the new key only."""
    old, new = new_data_key(), new_data_key()
    before = load_master_key(settings(tmp_path, old))
    after = load_master_key(settings(tmp_path, new, old))
    sealed_before = before.seal("signing key", 1, b"value")
    sealed_after = after.seal("signing key", 1, b"value")
    assert after.open("signing key", 1, sealed_before) == b"value"
    assert load_master_key(settings(tmp_path, new)).open("signing key", 1, sealed_after) == b"value"
    for key, sealed in ((before, sealed_after), (MasterKey(new), sealed_before)):
        with pytest.raises(SealBroken, match="not in the settings"):
            key.open("signing key", 1, sealed)


# --- what is sealed is bound to whose and what it is ---


def test_a_data_key_is_wrapped_for_its_library() -> None:
    """A wrapped key cannot be unwrapped for another library."""
    master, key, erasure_key = MasterKey(new_data_key()), new_data_key(), os.urandom(32)
    wrapped = master.wrap(key, LIBRARY, erasure_key)
    assert key.value not in wrapped
    assert master.unwrap(wrapped, LIBRARY, erasure_key) == key
    with pytest.raises(SealBroken):
        master.unwrap(wrapped, uuid4(), erasure_key)
    for purpose in ("signing key", "data key"):
        with pytest.raises(SealBroken):
            master.open(purpose, LIBRARY, wrapped)


@pytest.mark.parametrize("erasure_key", [b"", bytes(32), b"another key of thirty-two bytes!"])
def test_it_takes_both_keys_to_unwrap_a_data_key(erasure_key: bytes) -> None:
    """Neither the master key alone nor the erasure key with another master key is enough."""
    master, right = MasterKey(new_data_key()), os.urandom(32)
    wrapped = master.wrap(new_data_key(), LIBRARY, right)
    with pytest.raises(SealBroken):
        master.unwrap(wrapped, LIBRARY, erasure_key)
    with pytest.raises(SealBroken, match="not in the settings"):
        MasterKey(new_data_key()).unwrap(wrapped, LIBRARY, right)


def test_a_data_key_outlives_a_change_of_the_master_key() -> None:
    """An older master key that is still listed unwraps it."""
    old, key, erasure_key = new_data_key(), new_data_key(), os.urandom(32)
    wrapped = MasterKey(old).wrap(key, LIBRARY, erasure_key)
    assert MasterKey(new_data_key(), [old]).unwrap(wrapped, LIBRARY, erasure_key) == key


def test_values_are_bound_to_purpose_and_owner() -> None:
    """A value does not decrypt for another purpose, owner or library, even with the same key."""
    key = new_data_key()
    library, other = OpenLibrary(LIBRARY, key), OpenLibrary(uuid4(), key)
    sealed = library.seal("details", "account 1", b"value")
    assert library.open("details", "account 1", sealed) == b"value"
    for opener, purpose, owner in (
        (library, "cursors", "account 1"),
        (library, "details", "account 2"),
        (other, "details", "account 1"),
    ):
        with pytest.raises(SealBroken):
            opener.open(purpose, owner, sealed)


def test_no_two_purposes_and_owners_have_one_context() -> None:
    """The boundary between purpose and owner is unambiguous."""
    assert seal_context("a", "b:c") != seal_context("a:b", "c")
    assert seal_context("1:a", "b") != seal_context("1", "a:b")
    with pytest.raises(SealBroken):
        open_value(DataKey(bytes(32)), "a:b", "c", seal_value(DataKey(bytes(32)), "a", "b:c", b"value"))


def test_keys_hide_themselves() -> None:
    """No `repr` shows a key."""
    key = DataKey(b"k" * 32)
    for shown in (key, MasterKey(key, [key]), OpenLibrary(LIBRARY, key)):
        assert "kkk" not in repr(shown)


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_has_32_bytes(size: int) -> None:
    """A key of another size is rejected."""
    with pytest.raises(ConfigurationError, match="32 bytes"):
        DataKey(bytes(size))
