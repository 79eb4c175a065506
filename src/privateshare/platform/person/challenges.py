"""Challenges that passkeys sign: each for one purpose, on one journey or in one browser, once, for a few minutes."""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from privateshare.platform.db.tables import PasskeyChallengeRow
from privateshare.platform.keys.secrets import hash_secret

LIFETIME = timedelta(minutes=5)
CHALLENGE_BYTES = 32


class Purpose(StrEnum):
    """What a challenge is for, so that an answer for one purpose is worth nothing for another."""

    ADD = "add a passkey"
    PROVE = "prove by a passkey"


async def new_challenge(db: AsyncSession, purpose: Purpose, bound_to: str, now: datetime) -> bytes:
    """Make a challenge that is valid only for `bound_to`, in place of an earlier one."""
    challenge = secrets.token_bytes(CHALLENGE_BYTES)
    made = {"challenge": challenge, "expires_at": now + LIFETIME}
    new = insert(PasskeyChallengeRow).values(bound_hash=_hash(purpose, bound_to), **made)
    await db.execute(new.on_conflict_do_update(index_elements=["bound_hash"], set_=made))
    return challenge


async def take_challenge(db: AsyncSession, purpose: Purpose, bound_to: str, now: datetime) -> bytes | None:
    """Use up the challenge that was made for `bound_to`; None if there is none, or if it has expired."""
    used_up = delete(PasskeyChallengeRow).where(PasskeyChallengeRow.bound_hash == _hash(purpose, bound_to))
    found = (
        await db.execute(used_up.returning(PasskeyChallengeRow.challenge, PasskeyChallengeRow.expires_at))
    ).one_or_none()
    return found.challenge if found is not None and found.expires_at > now else None


def _hash(purpose: Purpose, bound_to: str) -> bytes:
    return hash_secret(f"{purpose}\0{bound_to}")
