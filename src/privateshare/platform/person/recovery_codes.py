"""The code that a person prints, for when they lose their browser. It proves once that a library is theirs."""

import secrets
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.audit.entries import Event, EventKind, record_event
from privateshare.platform.db.tables import RecoveryCodeRow
from privateshare.platform.keys.secrets import hash_secret
from privateshare.platform.library.libraries import OpenLibrary

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32 has no characters that look alike.
LENGTH = 25  # These are 125 random bits.
GROUP = 5

_READ_AS = str.maketrans("OIL", "011")


async def new_recovery_code(db: AsyncSession, library: OpenLibrary, lifetime: timedelta | None = None) -> str:
    """Make a library's recovery code, in place of its previous one. Only its hash is stored.

    It is valid until it is used or replaced, and at most for `lifetime`.
    """
    code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    ends = datetime.now(UTC) + lifetime if lifetime is not None else None
    replaced = {"code_hash": hash_secret(code), "created_at": func.clock_timestamp(), "expires_at": ends}
    new = insert(RecoveryCodeRow).values(library_id=library.id, **replaced)
    await db.execute(new.on_conflict_do_update(index_elements=["library_id"], set_=replaced))
    await record_event(db, library, Event(EventKind.SIGN_IN_ADDED, {"method": "recovery code"}))
    return "-".join(code[start : start + GROUP] for start in range(0, LENGTH, GROUP))


async def take_recovery_code(db: AsyncSession, typed: str, library_id: UUID | None = None) -> UUID | None:
    """Use up a code that a person typed; return its library.

    Returns None, and uses up nothing, if there is no such code, if it has expired, or if it belongs to another library
    than `library_id`.
    """
    query = delete(RecoveryCodeRow).where(RecoveryCodeRow.code_hash == hash_secret(read_code(typed)))
    query = query.where(RecoveryCodeRow.expires_at.is_(None) | (RecoveryCodeRow.expires_at > datetime.now(UTC)))
    if library_id is not None:
        query = query.where(RecoveryCodeRow.library_id == library_id)
    return await db.scalar(query.returning(RecoveryCodeRow.library_id))


async def delete_recovery_code(db: AsyncSession, library_id: UUID) -> None:
    """Delete a library's recovery code, because somebody else may have it."""
    await db.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.library_id == library_id))


def read_code(typed: str) -> str:
    """Normalize a typed code, such as one in lower case, without its hyphens, or with O for 0."""
    return "".join(typed.upper().translate(_READ_AS).replace("-", "").split())
