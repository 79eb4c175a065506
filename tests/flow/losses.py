"""What tests damaged on a running platform."""

from pathlib import Path

import psycopg

from privateshare.platform.backups.making import blob_keys, erasure_key_names
from privateshare.platform.embedded.postgres import database_url


def lost_names(data: Path) -> set[str]:
    """Return the blobs and erasure keys that are lost in this data folder, and contracts that cannot be read.

    The platform deletes meanwhile what is erased or replaced, so what is missing counts only if it is still named.
    """
    with psycopg.connect(database_url(data / "postgres"), autocommit=True) as connection:
        missing = {name for name in _named(connection) if not (data / name).exists()}
        unreadable = connection.execute("SELECT id FROM contracts WHERE jsonb_typeof(document) <> 'object'")
        return (missing & _named(connection) if missing else missing) | {f"contracts/{id_}" for (id_,) in unreadable}


def _named(connection: psycopg.Connection) -> set[str]:
    with connection.transaction():
        blobs = {f"blobs/{key}" for key in blob_keys(connection)}
        return blobs | {f"keys/{name}" for name in erasure_key_names(connection)}
