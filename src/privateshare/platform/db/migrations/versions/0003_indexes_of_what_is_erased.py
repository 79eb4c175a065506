"""Indexes for what goes or is found when a library, a consent or a session is deleted."""

from collections.abc import Sequence

from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

COLUMNS = (
    ("journeys", "library_id"),
    ("journeys", "consent_id"),
    ("journeys", "session_id"),
    ("authorization_codes", "consent_id"),
)


def upgrade() -> None:
    """What this step changes."""
    for table, column in COLUMNS:
        op.create_index(f"{table}_{column}_idx", table, [column])


def downgrade() -> None:
    """How to take it back."""
    for table, column in COLUMNS:
        op.drop_index(f"{table}_{column}_idx", table)
