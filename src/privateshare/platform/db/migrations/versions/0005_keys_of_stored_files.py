"""Keys of stored files in lower case, where they were casefolded."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from privateshare.protocol.storage_paths import StoragePath

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# The keys of other paths are the same either way.
PATHS = sa.text("SELECT storage_id, key, path FROM stored_files WHERE octet_length(path) <> char_length(path)")
CHANGE = sa.text("UPDATE stored_files SET key = :key WHERE storage_id = :storage_id AND key = :old")


def upgrade() -> None:
    """Give every file the key of its path. No two become the same, since paths that differed when folded still do."""
    connection = op.get_bind()
    for storage_id, old, path in connection.execute(PATHS).all():
        connection.execute(CHANGE, {"storage_id": storage_id, "old": old, "key": StoragePath(path).key})


def downgrade() -> None:
    """Do nothing: files whose paths are the same when folded could not both keep a folded key."""
