"""Archives that wait to be imported: several for an account, and none before the person agreed."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

MOVE = sa.text(
    "INSERT INTO archives (library_id, id, account_id, blob, fingerprint)"
    " SELECT library_id, gen_random_uuid(), id, archive_blob, convert_to(archive_blob, 'UTF8')"
    " FROM accounts WHERE archive_blob IS NOT NULL"
)
MOVE_BACK = sa.text(
    "UPDATE accounts SET archive_blob = archives.blob FROM archives"
    " WHERE archives.library_id = accounts.library_id AND archives.account_id = accounts.id"
)


def upgrade() -> None:
    """Give archives a table of their own."""
    op.create_table(
        "archives",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("journey_id", sa.Uuid(), nullable=True),
        sa.Column("blob", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_left_out", sa.LargeBinary(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["library_id", "account_id"],
            ["accounts.library_id", "accounts.id"],
            name=op.f("archives_library_id_account_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["journey_id"], ["journeys.id"], name=op.f("archives_journey_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("library_id", "id", name=op.f("archives_pkey")),
    )
    op.create_index(op.f("archives_blob_idx"), "archives", ["blob"])
    op.create_index(op.f("archives_journey_id_idx"), "archives", ["journey_id"])
    op.create_index(op.f("archives_library_id_account_id_idx"), "archives", ["library_id", "account_id"])
    op.execute(MOVE)
    op.drop_index(op.f("accounts_archive_blob_idx"), table_name="accounts")
    op.drop_column("accounts", "archive_blob")


def downgrade() -> None:
    """Give every account one archive again."""
    op.add_column("accounts", sa.Column("archive_blob", sa.String(), nullable=True))
    op.create_index(op.f("accounts_archive_blob_idx"), "accounts", ["archive_blob"])
    op.execute(MOVE_BACK)
    op.drop_table("archives")
