"""The positions at which a fetch continues: the cursors of an account, encrypted with its key. ADR 54."""

from typing import Any

import orjson

from privateshare.platform.db.tables import AccountRow
from privateshare.platform.sync.sync_run import AccountSync, require_waiting_session

CURSORS = "cursors"


async def keep_positions(run: AccountSync) -> None:
    """Store where the fetch is, after everything before was written."""
    run.positions = dict(run.cursors)
    async with run.platform.database.transaction() as db:
        await require_waiting_session(db, run)
        account = await db.get_one(AccountRow, (run.library.id, run.account.id), with_for_update=True)
        account.sealed_cursors = seal_cursors(run, account)


def seal_cursors(run: AccountSync, account: AccountRow) -> bytes:
    """Encrypt the cursors of a sync."""
    cursors: dict[str, Any] = {str(type_): cursor for type_, cursor in run.cursors.items() if cursor}
    return run.library.account(account.id).seal(CURSORS, account.id, orjson.dumps(cursors))
