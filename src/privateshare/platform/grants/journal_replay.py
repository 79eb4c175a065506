"""Applying the journal of erasures to a database that comes from an older backup, so that nothing erased comes back."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import structlog
from sqlalchemy import select

from privateshare.platform.db.tables import AccountRow, ConsentRow, ContractRow, LibraryRow
from privateshare.platform.grants.consent_events import OPERATOR, withdraw_consent
from privateshare.platform.grants.consents import end_contract
from privateshare.platform.keystore.journal import Ended
from privateshare.platform.library.erasure import erase_account, erase_library
from privateshare.platform.runtime import Platform

IDS_PER_QUERY = 1000

log = structlog.get_logger()


@dataclass(slots=True)
class Replayed:
    """How many libraries, accounts, consents and contracts the journal ended again."""

    libraries: int = 0
    accounts: int = 0
    consents: int = 0
    contracts: int = 0


async def replay_journal_if_wanted(platform: Platform) -> Replayed:
    """Erase and withdraw again what the journal names, if the database was restored from a backup.

    It can be interrupted: the next start begins again, and what is done already is not there any more.
    Raises KeyStoreUnavailable.
    """
    journal, done = platform.journals.main, Replayed()
    if not await asyncio.to_thread(journal.is_replay_wanted):
        return done
    ids: Mapping[Ended, list[str]] = defaultdict(list)
    for kind, id_ in await asyncio.to_thread(lambda: list(journal.entries())):
        ids[kind].append(id_)
    for batch in _batches(ids[Ended.CONTRACT]):
        done.contracts += await _end_contracts(platform, batch)
    for batch in _batches(ids[Ended.CONSENT]):
        done.consents += await _withdraw(platform, [UUID(id_) for id_ in batch])
    for batch in _batches(ids[Ended.KEY]):
        names = [UUID(id_) for id_ in batch]
        done.libraries += await _erase_libraries(platform, names)
        done.accounts += await _erase_accounts(platform, names)
    await asyncio.to_thread(journal.replayed)
    log.info("the journal of erasures was applied to the restored database", libraries=done.libraries)
    return done


async def _end_contracts(platform: Platform, ids: Sequence[str]) -> int:
    now = datetime.now(UTC)
    async with platform.database.transaction() as db:
        live = ContractRow.expires_at.is_(None) | (ContractRow.expires_at > now)
        contracts = list(await db.scalars(select(ContractRow).where(ContractRow.id.in_(ids), live)))
        for contract in contracts:
            await end_contract(db, contract, now)
    return len(contracts)


async def _withdraw(platform: Platform, ids: Sequence[UUID]) -> int:
    async with platform.database.transaction() as db:
        query = select(ConsentRow).where(ConsentRow.id.in_(ids), ConsentRow.revoked_at.is_(None))
        consents = list(await db.scalars(query))
        for consent in consents:
            await withdraw_consent(db, platform, consent, datetime.now(UTC), OPERATOR)
    return len(consents)


async def _erase_libraries(platform: Platform, names: Sequence[UUID]) -> int:
    async with platform.database.transaction() as db:
        found = list(await db.scalars(select(LibraryRow.id).where(LibraryRow.id.in_(names))))
    for library_id in found:
        async with platform.database.transaction() as db:
            await erase_library(db, platform, library_id)
    return len(found)


async def _erase_accounts(platform: Platform, names: Sequence[UUID]) -> int:
    async with platform.database.transaction() as db:
        accounts = list(await db.scalars(select(AccountRow).where(AccountRow.id.in_(names))))
        for account in accounts:
            await erase_account(db, platform, account)
    return len(accounts)


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + IDS_PER_QUERY] for start in range(0, len(ids), IDS_PER_QUERY))
