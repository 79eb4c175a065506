"""What the tests of syncs begin and look at."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import func, select

from privateshare.platform.db.tables import (
    ContractRow,
    FileRow,
    SessionRow,
)
from privateshare.platform.grants.consents import record_consent
from privateshare.platform.library.connected_sources import ConnectedSource, connect_account
from privateshare.platform.library.libraries import create_library
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.sessions import make_session, start_session
from privateshare.protocol.messages import SessionOptions
from privateshare.sources.contract import Connection
from tests.flow.people import SPOTIFY, People
from tests.flow.sessions import read, wait_until_over
from tests.flow.wire import Tokens, Wire


async def begun(platform: Platform) -> SessionRow:
    """Return a session that waits for the sync of one account."""
    wire, now = await People(platform, "").contract(), datetime.now(UTC)
    source = platform.sources.connectable[SPOTIFY]
    async with platform.database.transaction() as db:
        library = await create_library(db, platform)
        identity = source.identify(Connection(sample="small"))
        account = await connect_account(db, platform, library, ConnectedSource(source.info, identity, sample="small"))
        contract = await db.get_one(ContractRow, wire.contract_id)
        consent = await record_consent(db, contract, library.id, [account.id], now)
        session = make_session(contract, SessionOptions(), now, now + platform.settings.session_lifetime).row
        await start_session(db, platform, session, contract, consent, now)
    return session


SOME_FILES = 5


async def file_count(platform: Platform, library_id: UUID) -> int:
    async with platform.database.session() as db:
        return await db.scalar(select(func.count()).select_from(FileRow).where(FileRow.library_id == library_id)) or 0


def contents(wire: Wire, tokens: Tokens, session: str) -> dict[str, tuple[int, str]]:
    """Return the session's mapped files by name, with how many objects each has and the hash of its data."""
    listed = wait_until_over(wire, tokens, session)
    assert listed["status"]["state"] == "completed", listed["status"]
    found: dict[str, tuple[int, str]] = {}
    for entry in listed["fileList"]:
        if entry["name"] != "accounts.json":
            objects, header = read(wire, tokens, session, entry["name"])
            assert len(objects) == entry["objectCount"]
            found[entry["name"]] = (entry["objectCount"], header["sha256"])
    assert len(found) == len([entry for entry in listed["fileList"] if entry["name"] != "accounts.json"])
    return found
