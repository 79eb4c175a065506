"""How people prove that a library is theirs: browsers, passkeys and recovery codes."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from privateshare.platform.db.tables.columns import Base, created
from privateshare.platform.db.tables.libraries import LibraryRow


class BrowserRow(Base):
    """A browser from which a person consented, and which proves who they are from then on.

    Its secret changes with each use. `previous_hash` is the hash of the previous secret, which is valid until the new
    secret is used. `shared` is true if other people use this browser too. It then proves nothing by itself if the
    library has a passkey: the passkey must have confirmed the person shortly before, at `confirmed_at`.
    `sealed_sign_in` is the sign-in at a source that was begun in it on the person's own pages.
    """

    __tablename__ = "browsers"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    secret_hash: Mapped[bytes]
    previous_hash: Mapped[bytes | None]
    sealed_description: Mapped[bytes]
    created_at: Mapped[datetime] = created()
    rotated_at: Mapped[datetime] = created()
    used_at: Mapped[datetime] = created()
    shared: Mapped[bool] = mapped_column(default=False)
    confirmed_at: Mapped[datetime | None]
    sealed_sign_in: Mapped[bytes | None]


class PasskeyRow(Base):
    """A passkey with which a person proves that the library is theirs, in any browser. WebAuthn.

    `credential_hash` finds the row. The id of the passkey, its public key and where it was made are sealed.
    `sign_count` is the highest count that the passkey reported, which detects a copied one.
    """

    __tablename__ = "passkeys"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    credential_hash: Mapped[bytes] = mapped_column(unique=True)
    sealed_credential: Mapped[bytes]
    sign_count: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = created()
    used_at: Mapped[datetime | None]


class PasskeyChallengeRow(Base):
    """The challenge that a passkey has to sign next on one journey, or in one browser. It can be used once.

    `bound_hash` is a hash of the purpose, and of what the challenge is bound to.
    """

    __tablename__ = "passkey_challenges"
    bound_hash: Mapped[bytes] = mapped_column(primary_key=True)
    challenge: Mapped[bytes]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class RecoveryCodeRow(Base):
    """A code that a person printed, and that proves once in another browser who they are. A new code replaces it."""

    __tablename__ = "recovery_codes"
    library_id: Mapped[UUID] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), primary_key=True)
    code_hash: Mapped[bytes] = mapped_column(index=True)
    created_at: Mapped[datetime] = created()
    expires_at: Mapped[datetime | None]
