"""Erasure keys of accounts. Those that are there stay sealed with their library's data key, as do their archives."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """What this step changes."""
    op.add_column("accounts", sa.Column("has_key", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.alter_column("accounts", "has_key", server_default=None)
    op.add_column("archives", sa.Column("sealed_key", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """There is no way back: an account does not open without its erasure key."""
    raise NotImplementedError
