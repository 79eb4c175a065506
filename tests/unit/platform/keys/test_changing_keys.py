"""Keys that change while a platform runs: the signer, the master key, and the keys of contracts."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.keys import rsa_key

from privateshare.errors import ConfigurationError, InvalidJWT
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.tables import ContractRow
from privateshare.platform.keys.contract_keys import legacy_key, valid_keys, verify_signature
from privateshare.platform.keys.known_keys import KnownKeys
from privateshare.platform.keys.signing import Signer, SigningKey
from privateshare.platform.keys.wrapping import load_master_key, update_master_key
from privateshare.platform.operating.settings import Settings
from privateshare.protocol import jwt

NOW = datetime(2026, 6, 1, tzinfo=UTC)
OLD, NEW, STRANGER = rsa_key(0), rsa_key(1), rsa_key(2)
FIRST, SECOND = bytes(range(32)), bytes(range(32, 64))


def test_a_key_signs_only_once_it_is_active() -> None:
    """Until then the one before it signs, although the process knows both."""
    signer, now = Signer("old", OLD), datetime.now(UTC)
    signer.use([SigningKey("old", OLD), SigningKey("new", NEW, now + timedelta(hours=1))])
    assert "old" in repr(signer)
    signer.use([SigningKey("old", OLD), SigningKey("new", NEW, now)])
    assert "new" in repr(signer)
    assert jwt.read_header(signer.sign({}, "https://x/"))["kid"] == "new"


def contract(until: datetime | None) -> ContractRow:
    old, new = (jwt.public_pem(key.public_key()) for key in (OLD, NEW))
    return ContractRow(id="c", public_key=new, previous_public_key=old if until else None, previous_key_until=until)


def test_both_keys_of_a_contract_are_valid_for_a_while() -> None:
    """Each request gets the key that it was signed with; nobody else's key fits, and the old one ends."""
    known, changing = KnownKeys(), contract(NOW + timedelta(days=1))
    for key in (OLD, NEW):
        token, pem = jwt.sign(key, {"a": 1}), jwt.public_pem(key.public_key())
        assert verify_signature(known, changing, token, NOW) == ({"a": 1}, pem)
        assert verify_signature(known, changing, f"{token[:-4]}AAAA", NOW, known.load(pem)) == ({"a": 1}, pem)
    foreign = jwt.sign(STRANGER, {"a": 1})
    with pytest.raises(InvalidJWT):
        verify_signature(known, changing, foreign, NOW)
    with pytest.raises(InvalidJWT):  # The cache of keys was right once: a key that is gone does not count.
        verify_signature(known, changing, foreign, NOW, known.load(jwt.public_pem(STRANGER.public_key())))
    for ended in (contract(NOW), contract(NOW - timedelta(days=1)), contract(None)):
        assert len(valid_keys(ended, NOW)) == 1
        with pytest.raises(InvalidJWT):
            verify_signature(known, ended, jwt.sign(OLD, {}), NOW)
        assert legacy_key(ended, NOW) == ended.public_key
    assert legacy_key(changing, NOW) == changing.previous_public_key


@pytest.mark.parametrize("form", ["text", "bytes"])
def test_the_file_of_the_master_key_is_read_again(tmp_path: Path, form: str) -> None:
    """A key that is added unwraps, then wraps, and what the old one sealed is opened until it is taken away."""
    path = tmp_path / ("keys" if form == "text" else "master.key")
    settings = Settings(data=tmp_path, master_key_file=path if form == "text" else None)

    def write(*keys: bytes) -> None:
        path.write_bytes(b"".join(keys) if form == "bytes" else b"\n".join(b64encode(key) for key in keys) + b"\n")
        path.chmod(0o600)

    write(FIRST)
    master = load_master_key(settings)
    sealed = master.seal("purpose", "owner", b"secret")
    assert not update_master_key(master, settings)
    write(FIRST, SECOND)
    assert update_master_key(master, settings)
    write(SECOND, FIRST)
    assert update_master_key(master, settings)
    assert master.open("purpose", "owner", sealed) == b"secret"
    resealed = master.seal("purpose", "owner", b"secret")
    path.write_bytes(b"half")
    with pytest.raises(ConfigurationError):
        update_master_key(master, settings)
    path.unlink()
    with pytest.raises(ConfigurationError):
        update_master_key(master, settings)
    assert master.open("purpose", "owner", resealed) == b"secret"  # As before: a damaged file changes nothing.
    write(SECOND)
    update_master_key(master, settings)
    with pytest.raises(SealBroken):
        master.open("purpose", "owner", sealed)
    assert "secret" not in repr(master)
    assert b64encode(SECOND).decode() not in repr(master)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    """The error says what to do. The group may read it, because orchestrators mount secrets like that."""
    path = tmp_path / "keys"
    path.write_bytes(b64encode(FIRST))
    path.chmod(0o644)
    settings = Settings(data=tmp_path, master_key_file=path)
    with pytest.raises(ConfigurationError, match="chmod"):
        load_master_key(settings)
    path.chmod(0o640)
    assert load_master_key(settings).current.value == FIRST
