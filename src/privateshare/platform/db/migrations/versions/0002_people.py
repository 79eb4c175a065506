"""A library is a person's, who proves it: browsers, recovery codes, and what was connected without proof."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Add the tables, and to what is there how it came about."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "browsers",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_description", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("rotated_at", moment, server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("used_at", moment, server_default=sa.func.clock_timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name=op.f("browsers_library_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("library_id", "id", name=op.f("browsers_pkey")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", moment, server_default=sa.func.clock_timestamp(), nullable=False),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name=op.f("recovery_codes_library_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("library_id", name=op.f("recovery_codes_pkey")),
        sa.UniqueConstraint("code_hash", name=op.f("recovery_codes_code_hash_key")),
    )
    op.add_column("accounts", sa.Column("unproven_on", sa.Uuid(), nullable=True))
    for table, column in (("accounts", "signed_in"), ("consents", "unproven")):
        op.add_column(table, sa.Column(column, sa.Boolean(), server_default=sa.false(), nullable=False))
    op.execute("UPDATE accounts SET signed_in = true WHERE sealed_credentials IS NOT NULL")
    for table, column in (("accounts", "signed_in"), ("consents", "unproven")):
        op.alter_column(table, column, server_default=None)
    op.add_column("journeys", sa.Column("proof", sa.String(), nullable=True))


def downgrade() -> None:
    """Take it back. What was connected without proof goes: it would be everybody's who holds a token."""
    op.drop_column("journeys", "proof")
    op.execute("DELETE FROM consents WHERE unproven")
    op.drop_column("consents", "unproven")
    op.execute("DELETE FROM accounts WHERE unproven_on IS NOT NULL")
    op.drop_column("accounts", "signed_in")
    op.drop_column("accounts", "unproven_on")
    op.drop_table("recovery_codes")
    op.drop_table("browsers")
