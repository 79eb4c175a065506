"""What the platform remembers of requests, and of the time."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from privateshare.platform.db.tables.columns import Base


class NonceRow(Base):
    """A nonce of a request that changes something, and the sealed response for a repeated request. Protocol 2.3."""

    __tablename__ = "nonces"
    client_id: Mapped[str] = mapped_column(primary_key=True)
    nonce: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    status: Mapped[int | None]
    sealed_response: Mapped[bytes | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ClockReadingRow(Base):
    """The newest plausible time, in a single row, to detect a wrong clock.

    `doubted_from` and `doubted_at` are the first and last reading of a clock that is far from `seen_at`.
    """

    __tablename__ = "clock_readings"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seen_at: Mapped[datetime]
    doubted_from: Mapped[datetime | None]
    doubted_at: Mapped[datetime | None]


class CallCountRow(Base):
    """The requests of one caller in one minute since 1970, for rate limits. `caller` is a keyed hash.

    The table is not logged, since nobody needs it after a crash.
    """

    __tablename__ = "call_counts"
    caller: Mapped[bytes] = mapped_column(primary_key=True)
    minute: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False, index=True)
    number: Mapped[int]
    __table_args__ = {"prefixes": ["UNLOGGED"]}
