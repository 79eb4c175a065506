"""What apps say of the way back is sealed; sessions that will never start say so."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# The key of the seal is the code, which is known to the browser alone. So journeys under way are over: nobody finds
# them any more, and the sweep takes back what they brought about.
END = """
UPDATE journeys SET code_hash = sha256(code_hash), browser_hash = NULL, sealed_return = '', expires_at = now()
"""


def upgrade() -> None:
    """What this step changes."""
    op.add_column("sessions", sa.Column("ended_by", sa.String(), nullable=True))
    op.add_column("journeys", sa.Column("sealed_return", sa.LargeBinary(), nullable=True))
    op.add_column("journeys", sa.Column("sealed_parameters", sa.LargeBinary(), nullable=True))
    op.execute(END)
    op.alter_column("journeys", "sealed_return", nullable=False)
    for column in ("redirect_uri", "state", "parameters"):
        op.drop_column("journeys", column)


def downgrade() -> None:
    """How to take it back."""
    op.execute("UPDATE journeys SET code_hash = sha256(code_hash), browser_hash = NULL, expires_at = now()")
    op.add_column("journeys", sa.Column("redirect_uri", sa.String(), nullable=False, server_default=""))
    op.add_column("journeys", sa.Column("state", sa.String(), nullable=True))
    op.add_column("journeys", sa.Column("parameters", JSONB(), nullable=False, server_default="{}"))
    for column in ("sealed_return", "sealed_parameters"):
        op.drop_column("journeys", column)
    op.drop_column("sessions", "ended_by")
