"""The rows that the master key seals: which master keys they need, and how all of them get the current one.

A value that is sealed with a master key begins with that key's id, so no key is needed to find out which one it needs.
Rewrapping changes one row at a time to the same secret under the current key. Everybody who opens a row meanwhile finds
either the old or the new value. So a platform may run meanwhile, and a rewrap that is interrupted is simply repeated.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, LargeBinary, Select, func, select, text, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from privateshare.errors import ConfigurationError
from privateshare.platform.blobs.sealing import SealBroken
from privateshare.platform.db.engine import Database
from privateshare.platform.db.tables import (
    CertificateAuthorityRow,
    HintKeyRow,
    LibraryRow,
    ServerClientRow,
    SigningKeyRow,
    WebhookEndpointRow,
)
from privateshare.platform.keys import certificates, signing
from privateshare.platform.keys.wrapping import HINT_KEY, KEY_ID_BYTES, SERVER_CLIENT, WEBHOOK_SECRET, MasterKey
from privateshare.platform.keystore.erasure_keys import ErasureKeys

LIBRARIES_PER_TRANSACTION = 200

Progress = Callable[[int, int], None]
"""A function that receives the number of libraries done and the number of all that are to be rewrapped."""


@dataclass(frozen=True, slots=True)
class OwnKeys:
    """Keys and secrets of the platform itself, which the master key seals.

    Attributes:
        name: What operators read.
        sealed: The column of the sealed values.
        owner: The column of what each value is bound to.
        purpose: The purpose for which the values are sealed.
    """

    name: str
    sealed: InstrumentedAttribute[bytes]
    owner: InstrumentedAttribute[Any]
    purpose: str


OWN_KEYS = (
    OwnKeys("signing_keys", SigningKeyRow.sealed_private_key, SigningKeyRow.kid, signing.PURPOSE),
    OwnKeys("hint_keys", HintKeyRow.sealed_key, HintKeyRow.id, HINT_KEY),
    OwnKeys(
        "certificate_authorities",
        CertificateAuthorityRow.sealed_private_key,
        CertificateAuthorityRow.id,
        certificates.PURPOSE,
    ),
    OwnKeys("webhooks", WebhookEndpointRow.sealed_secret, WebhookEndpointRow.id, WEBHOOK_SECRET),
    OwnKeys("server_clients", ServerClientRow.sealed_client, ServerClientRow.id, SERVER_CLIENT),
)


@dataclass(slots=True)
class Rewrapped:
    """The result of a rewrap.

    Attributes:
        libraries: How many libraries were rewrapped.
        own_keys: How many of the platform's own keys were, by their names.
        failed: The libraries that still need their old master key, and why.
    """

    libraries: int = 0
    own_keys: dict[str, int] = field(default_factory=dict)
    failed: dict[UUID, str] = field(default_factory=dict)


async def rows_without_key(db: AsyncSession, master_key: MasterKey) -> dict[str, int]:
    """Count the rows that need a master key which is not listed, by what they are. The database may have no tables."""
    found: dict[str, int] = {}
    for what, column in (
        ("libraries", LibraryRow.wrapped_key),
        *((keys.name.replace("_", " "), keys.sealed) for keys in OWN_KEYS),
    ):
        if await db.scalar(text("SELECT to_regclass(:name)"), {"name": column.class_.__tablename__}) is None:
            continue
        count = await db.scalar(select(func.count()).where(_key_id_of(column).not_in(master_key.ids)))
        if count:
            found[what] = count
    return found


async def check_all_rows(db: AsyncSession, master_key: MasterKey) -> None:
    """Raise ConfigurationError if a row needs a master key that is not listed: it could not be opened."""
    found = await rows_without_key(db, master_key)
    if found:
        rows = ", ".join(f"{what}: {count}" for what, count in found.items())
        raise ConfigurationError(
            f"rows of the database need a master key that is not listed ({rows}); nothing was changed",
            hint="List that key after the current one in PRIVATESHARE_MASTER_KEY, and run privateshare keys rewrap; "
            "then the key is not needed any more",
        )


async def rewrap(database: Database, master_key: MasterKey, erasure_keys: ErasureKeys, progress: Progress) -> Rewrapped:
    """Seal every row with the current master key that is sealed with another one.

    Raises KeyStoreUnavailable: what was rewrapped before stays so, and the next call continues with the rest.
    """
    result = Rewrapped()
    async with database.transaction() as db:
        for keys in OWN_KEYS:
            result.own_keys[keys.name] = await _rewrap_own_keys(db, master_key, keys)
        total = await db.scalar(select(func.count()).where(_is_old(LibraryRow.wrapped_key, master_key))) or 0
    progress(0, total)
    # Servers that do not have the new key yet may create libraries meanwhile, so look again until nothing is left.
    while await _rewrap_libraries(database, master_key, erasure_keys, result, lambda done: progress(done, total)):
        pass
    return result


async def _rewrap_own_keys(db: AsyncSession, master_key: MasterKey, keys: OwnKeys) -> int:
    """Rewrap keys of the platform itself, of which there are few. Return how many were rewrapped."""
    old = select(keys.sealed.class_).where(_is_old(keys.sealed, master_key)).with_for_update()
    rows = list(await db.scalars(old))
    for row in rows:
        owner = getattr(row, keys.owner.key)
        value = master_key.open(keys.purpose, owner, getattr(row, keys.sealed.key))
        setattr(row, keys.sealed.key, master_key.seal(keys.purpose, owner, value))
    return len(rows)


async def _rewrap_libraries(
    database: Database,
    master_key: MasterKey,
    erasure_keys: ErasureKeys,
    result: Rewrapped,
    progress: Callable[[int], None],
) -> int:
    """Go through all libraries once, and return how many were rewrapped. Failures are collected in the result."""
    rewrapped, last = 0, UUID(int=0)
    while True:
        async with database.transaction() as db:
            page = await db.execute(_old_libraries(master_key).where(LibraryRow.id > last))
            old = {row.id: row.wrapped_key for row in page}
        if not old:
            return rewrapped
        last = max(old)
        keys = await erasure_keys.read_all(old)
        changes, failed = _rewrapped_keys(master_key, old, keys)
        async with database.transaction() as db:
            for id_, wrapped in sorted(changes.items()):
                unchanged = (LibraryRow.id == id_, LibraryRow.wrapped_key == old[id_])
                await db.execute(update(LibraryRow).where(*unchanged).values(wrapped_key=wrapped))
            still_there = set(await db.scalars(select(LibraryRow.id).where(LibraryRow.id.in_(failed))))
        result.failed |= {id_: reason for id_, reason in failed.items() if id_ in still_there}
        result.libraries += len(changes)
        rewrapped += len(changes)
        progress(result.libraries + len(result.failed))


def _old_libraries(master_key: MasterKey) -> Select[UUID, bytes]:
    old = select(LibraryRow.id, LibraryRow.wrapped_key).where(_is_old(LibraryRow.wrapped_key, master_key))
    return old.order_by(LibraryRow.id).limit(LIBRARIES_PER_TRANSACTION)


def _rewrapped_keys(
    master_key: MasterKey, old: Mapping[UUID, bytes], keys: Mapping[UUID, bytes]
) -> tuple[dict[UUID, bytes], dict[UUID, str]]:
    """Wrap the data keys of libraries anew. Return the new values, and the reasons why others cannot be wrapped."""
    changes, failed = {}, {}
    for id_, wrapped in old.items():
        erasure_key = keys.get(id_)
        if erasure_key is None:
            failed[id_] = "its erasure key is missing"
            continue
        try:
            changes[id_] = master_key.wrap(master_key.unwrap(wrapped, id_, erasure_key), id_, erasure_key)
        except SealBroken as error:
            failed[id_] = str(error)
    return changes, failed


def _key_id_of(column: InstrumentedAttribute[bytes]) -> ColumnElement[bytes]:
    return type_coerce(func.substring(column, 1, KEY_ID_BYTES), LargeBinary())


def _is_old(column: InstrumentedAttribute[bytes], master_key: MasterKey) -> ColumnElement[bool]:
    return _key_id_of(column) != master_key.current_id
