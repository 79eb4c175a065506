"""Sign-ins at sources that are under way."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """What this step changes."""
    op.add_column("journeys", sa.Column("sealed_sign_in", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """How to take it back."""
    op.drop_column("journeys", "sealed_sign_in")
