"""Between which dates a file's objects lie, sealed, and where they are from. Files of before may hold any date."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """What this step changes."""
    for name in ("dated_to", "dated_from", "dated"):
        op.drop_column("files", name)
    op.add_column("files", sa.Column("sealed_dates", sa.LargeBinary(), nullable=True))
    op.add_column("files", sa.Column("sealed_origins", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """How to take it back."""
    for name in ("sealed_origins", "sealed_dates"):
        op.drop_column("files", name)
    op.add_column("files", sa.Column("dated", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("files", sa.Column("dated_from", sa.BigInteger(), nullable=True))
    op.add_column("files", sa.Column("dated_to", sa.BigInteger(), nullable=True))
