"""Data that nobody can open any more does not stay for ever, and nothing else is erased with it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from privateshare.platform.db.tables import BrowserRow, ConsentRow, LibraryRow, PasskeyRow
from privateshare.platform.grants.consents import record_consent
from privateshare.platform.grants.contracts import ContractTerms, create_application, create_contract
from privateshare.platform.library.connected_sources import ConnectedSource, connect_account
from privateshare.platform.library.libraries import create_library, open_library
from privateshare.platform.operating.settings import Settings
from privateshare.platform.person.browsers import add_browser
from privateshare.platform.person.recovery_codes import new_recovery_code
from privateshare.platform.runtime import Platform
from privateshare.platform.startup import operator_platform
from privateshare.platform.sync.unreachable_libraries import erase_unreachable
from privateshare.protocol import jwt
from privateshare.sources.contract import Identity
from tests.flow.databases import copy_database
from tests.flow.people import SPOTIFY
from tests.keys import rsa_key

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=800)
PROOFS = ("a browser", "a passkey", "a code", "a sign-in")


@pytest.fixture(scope="module")
async def platform(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """Provide a platform whose libraries these tests may erase."""
    data: Path = tmp_path_factory.mktemp("unreachable") / "data"
    copy_database(data)
    async with operator_platform(Settings(data=data, database_pool_size=2)) as opened:
        yield opened


async def library(platform: Platform, proof: str = "") -> UUID:
    """Create a library of long ago, with something that proves whose it is."""
    async with platform.database.transaction() as db:
        opened = await create_library(db, platform)
        if proof == "a browser":
            await add_browser(db, opened, "", NOW - timedelta(days=170))
        elif proof == "a passkey":
            passkey = PasskeyRow(
                library_id=opened.id, credential_hash=uuid4().bytes, sealed_credential=b"", sign_count=0
            )
            db.add(passkey)
        elif proof == "a code":
            await new_recovery_code(db, opened)
        else:
            info = platform.sources.connectable[SPOTIFY].info
            token = {"access_token": "x"} if proof == "a sign-in" else None
            account = await connect_account(
                db, platform, opened, ConnectedSource(info, Identity("one", "One"), token=token)
            )
            account.updated_at = LONG_AGO
        await db.flush()
        await db.execute(update(LibraryRow).where(LibraryRow.id == opened.id).values(created_at=LONG_AGO))
    return opened.id


async def consented(platform: Platform, library_id: UUID, when: datetime) -> None:
    async with platform.database.transaction() as db:
        application = await create_application(db, "An app")
        document = {"dataRequest": {"serviceGroups": [{"id": 5}]}}
        terms = ContractTerms("read", document, jwt.public_pem(rsa_key(0).public_key()), ("https://app.example/back",))
        contract = await create_contract(db, application.id, terms)
        consent = await record_consent(db, contract, library_id, [], when)
        consent.created_at = LONG_AGO
        await db.flush()
        await db.execute(
            update(ConsentRow).where(ConsentRow.id == consent.id).values(created_at=LONG_AGO, used_at=when)
        )


async def exists(platform: Platform, library_id: UUID) -> bool:
    async with platform.database.transaction() as db:
        return await db.scalar(select(LibraryRow.id).where(LibraryRow.id == library_id)) is not None


async def test_only_what_nobody_can_open_is_erased(platform: Platform) -> None:
    """Each way to sign in keeps it, and so does an app that reads; an app that has not read for years does not."""
    kept = [await library(platform, proof) for proof in PROOFS]
    in_use, unused, empty = [await library(platform) for _ in range(3)]
    await consented(platform, in_use, NOW - timedelta(days=10))
    await consented(platform, unused, LONG_AGO)
    assert await erase_unreachable(platform, NOW) == 2
    assert all([await exists(platform, id_) for id_ in (*kept, in_use)])
    assert not any([await exists(platform, id_) for id_ in (unused, empty)])
    async with platform.database.transaction() as db:
        await open_library(db, platform, in_use)
    assert await erase_unreachable(platform, NOW) == 0


async def test_the_last_browser_ends_it(platform: Platform) -> None:
    """Not before the time that the operator set has passed since."""
    id_ = await library(platform, "a browser")
    async with platform.database.transaction() as db:
        await db.execute(update(LibraryRow).where(LibraryRow.id == id_).values(created_at=NOW - timedelta(days=200)))
        row = await db.scalar(select(BrowserRow).where(BrowserRow.library_id == id_))
        await db.delete(row)
    await erase_unreachable(platform, NOW)
    assert await exists(platform, id_)
    await erase_unreachable(platform, NOW + timedelta(days=366))
    assert not await exists(platform, id_)
