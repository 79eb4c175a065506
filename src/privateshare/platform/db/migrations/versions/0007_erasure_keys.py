"""Erasure keys outside of the database; each library that is there gets one.

Hashes of files are sealed, and what sessions ask for by metadata.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import context, op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TABLES_WITH_HASHES = ("files", "pushed_files")


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
    op.add_column("sessions", sa.Column("sealed_criteria", sa.LargeBinary(), nullable=True))
    for table in TABLES_WITH_HASHES:
        op.add_column(table, sa.Column("sealed_sha256", sa.LargeBinary(), nullable=True))
    context.config.attributes["bind_libraries"](op.get_bind())
    for table in TABLES_WITH_HASHES:
        op.alter_column(table, "sealed_sha256", nullable=False)
        op.drop_column(table, "sha256")


def downgrade() -> None:
    """There is no way back: a library without its erasure key does not open."""
    raise NotImplementedError
