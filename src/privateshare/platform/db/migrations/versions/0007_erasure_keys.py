"""Erasure keys outside of the database; each library that is there gets one."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import context, op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """What this step changes."""
    op.create_table(
        "doomed_keys",
        sa.Column("name", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("doomed_keys_pkey")),
    )
    context.config.attributes["bind_libraries"](op.get_bind())


def downgrade() -> None:
    """How to take it back; the libraries keep their erasure keys, without which they do not open."""
    op.drop_table("doomed_keys")
