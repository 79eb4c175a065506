"""Libraries from before there were erasure keys: each gets one, once, in the migration that brought them."""

import os

from sqlalchemy import Connection, select, text, update

from privateshare.platform.db.tables import LibraryRow
from privateshare.platform.keys.wrapping import WRAPPED, DataKey, load_master_key
from privateshare.platform.keystore.erasure_keys import claim_store
from privateshare.platform.keystore.opening import open_keys
from privateshare.platform.keystore.store import KEY_BYTES
from privateshare.platform.library.libraries import FILE_HASH, OpenLibrary
from privateshare.platform.operating.settings import Settings


def bind_older_libraries(connection: Connection, settings: Settings) -> None:
    """Give an erasure key to each library of a database from before there were any, within its migration. Blocks."""
    older = connection.execute(select(LibraryRow.id, LibraryRow.wrapped_key)).all()
    if not older:
        return
    master_key, store = load_master_key(settings), open_keys(settings.key_place())
    owner = connection.execute(text("SELECT kid FROM signing_keys ORDER BY created_at LIMIT 1")).scalar_one()
    claim_store(store, owner, is_new=True)
    for id_, wrapped in older:
        key, erasure_key = DataKey(master_key.open(WRAPPED, id_, wrapped)), os.urandom(KEY_BYTES)
        store.destroy(id_)  # what a migration that was cut off left: its transaction was rolled back
        store.create(id_, erasure_key)
        bound = master_key.wrap(key, id_, erasure_key)
        connection.execute(update(LibraryRow).where(LibraryRow.id == id_).values(wrapped_key=bound))
        _seal_hashes(connection, OpenLibrary(id_, key))


def _seal_hashes(connection: Connection, library: OpenLibrary) -> None:
    """Seal the hashes of a library's files, which were in the clear."""
    for table in ("files", "pushed_files"):
        rows = connection.execute(
            text(f"SELECT blob, sha256 FROM {table} WHERE library_id = :id"),  # noqa: S608
            {"id": library.id},
        )
        sealed = [{"blob": blob, "hash": library.seal(FILE_HASH, blob, value.encode())} for blob, value in rows]
        if sealed:
            connection.execute(text(f"UPDATE {table} SET sealed_sha256 = :hash WHERE blob = :blob"), sealed)  # noqa: S608
