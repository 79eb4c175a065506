"""What was asked of MedMij's care providers."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """What this step changes."""
    op.add_column("accounts", sa.Column("sealed_collected", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """How to take it back."""
    op.drop_column("accounts", "sealed_collected")
