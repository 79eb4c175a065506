"""The newest time that the platform was at work, so that a clock that jumps is noticed."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

NEWEST = sa.text(
    "INSERT INTO clock_readings (id, seen_at) SELECT 1, newest FROM ("
    " SELECT greatest((SELECT max(created_at) FROM signing_keys), (SELECT max(created_at) FROM consents),"
    " (SELECT max(created_at) FROM sessions)) AS newest) AS stored WHERE newest IS NOT NULL"
)


def upgrade() -> None:
    """Begin with the newest time that is stored: the clock may be wrong at this very start."""
    op.create_table(
        "clock_readings",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("doubted_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("doubted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("clock_readings_pkey")),
    )
    op.execute(NEWEST)


def downgrade() -> None:
    """Forget it."""
    op.drop_table("clock_readings")
