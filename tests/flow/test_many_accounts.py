"""Tests of a person with very many accounts."""

import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import insert, update

from privateshare.platform.db.tables import ContractRow, SessionRow, SessionSyncRow, SyncRow
from privateshare.platform.grants.consents import set_consent_accounts
from privateshare.platform.library.connected_sources import ConnectedSource, connect_account
from privateshare.platform.library.libraries import open_library
from privateshare.platform.runtime import Platform
from privateshare.platform.sync.sessions import new_session
from privateshare.protocol.messages import SessionOptions
from privateshare.sources.contract import Identity
from privateshare.sources.registry import Sources
from tests.flow.consents import consent_by_id
from tests.flow.people import SPOTIFY, People
from tests.flow.served import Served
from tests.flow.sessions import QUERY


@pytest.mark.protocol("6.1")
@pytest.mark.slow
async def test_the_status_of_very_many_accounts_is_fast(people: People, platform: Platform, served: Served) -> None:
    """The time grows linearly with the number of accounts."""
    wire = await people.contract()
    tokens, _ = await people.user(wire)
    now = datetime.now(UTC)
    source, accounts = Sources().connectable[SPOTIFY].info, []
    async with platform.database.transaction() as db:
        library = await open_library(db, platform, await people.library_of(tokens))
        for number in range(300):
            sample = ConnectedSource(source, Identity(f"account-{number}", "x"), sample="default")
            accounts.append((await connect_account(db, platform, library, sample)).id)
        consent = await consent_by_id(db, tokens.claims["consentid"])
        await set_consent_accounts(db, consent, accounts)
        session = await new_session(
            db, platform, await db.get_one(ContractRow, wire.contract_id), SessionOptions(), now
        )
        rows = [{"library_id": library.id, "id": uuid4(), "account_id": id_, "finished_at": now} for id_ in accounts]
        await db.execute(insert(SyncRow), rows)
        started = {"consent_id": consent.id, "library_id": library.id, "started_at": now}
        await db.execute(update(SessionRow).where(SessionRow.id == session.row.id).values(started))
        waits = [{"session_id": session.row.id, "sync_id": row["id"], "library_id": library.id} for row in rows]
        await db.execute(insert(SessionSyncRow), waits)
    began = cpu_seconds(served)
    listed = wire.get(f"{QUERY}/{session.key}", access_token=tokens.access).json()
    assert len(listed["status"]["details"]) == 300
    assert cpu_seconds(served) - began < 2  # CPU time does not depend on other processes.


def cpu_seconds(served: Served) -> float:
    """Return the CPU seconds that the server and its threads have used."""
    user, system = Path(f"/proc/{served.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
