"""When a library is moved into another one, no sealed value may be forgotten."""

from sqlalchemy import LargeBinary

from privateshare.platform.db.tables import Base
from privateshare.platform.me.moved_values import BLOBS, SEALED

# Values that are not sealed with a key of the library, or that every move computes anew.
OTHERS = {
    ("accounts", "identity_hash"),
    ("archives", "fingerprint"),
    ("authorization_codes", "code_hash"),
    ("browsers", "secret_hash"),
    ("browsers", "previous_hash"),
    ("passkeys", "credential_hash"),
    ("recovery_codes", "code_hash"),
    *(("journeys", name) for name in ("code_hash", "browser_hash", "sealed_return", "sealed_parameters")),
    *(("journeys", name) for name in ("sealed_draft", "sealed_outcome", "sealed_sign_in")),
    ("sessions", "key_hash"),
    ("sessions", "sealed_criteria"),
    ("tokens", "token_hash"),
}


def test_every_sealed_value_is_sealed_again() -> None:
    """Every binary column of a library's tables is sealed again, or is one of those that need not be."""
    sealed = {(column.values.class_.__tablename__, column.values.key) for column in SEALED}
    found = {
        (table.name, column.name)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if "library_id" in table.columns and isinstance(column.type, LargeBinary)
    }
    assert found - OTHERS == sealed


def test_every_blob_is_copied() -> None:
    """Blobs of exports are made again, and those of storages are not below the library's prefix."""
    copied = {column.class_.__tablename__ for column in BLOBS}
    found = {table.name for table in Base.metadata.sorted_tables if "blob" in table.columns}
    assert found - copied == {"exports", "stored_files"}
