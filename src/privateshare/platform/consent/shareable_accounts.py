"""The accounts that a person may share, and what the contract would get of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from privateshare.platform.consent.connections import connected_here
from privateshare.platform.consent.source_choice import asks_for_sources, contract_reach, shared_kinds
from privateshare.platform.consent.translation import Translator
from privateshare.platform.consent.upload_notes import UploadNote, upload_note
from privateshare.platform.consent.visit import Visit
from privateshare.platform.db.tables import AccountRow
from privateshare.platform.grants.consents import accounts_shared_before
from privateshare.platform.library.accounts import account_display_name, library_accounts
from privateshare.platform.library.archives import archives_of_journey, left_out_of
from privateshare.platform.library.libraries import OpenLibrary, open_library
from privateshare.sources.registry import Sources

MAX_KINDS_PER_ACCOUNT = 6


@dataclass(frozen=True, slots=True)
class ShareableAccount:
    """An account on the consent page. `kinds` are those that the app would get of it; none if it would write there."""

    account: AccountRow
    source: str
    owner: str
    kinds: str
    sample: bool
    ticked: bool
    uploads: Sequence[UploadNote] = ()


async def shareable_accounts(visit: Visit) -> list[ShareableAccount]:
    """List the accounts that have data for the contract, or accept what it sends, oldest first."""
    if visit.journey.library_id is None or visit.contract.kind == "read-raw":
        return []
    accounts = await visible_accounts(visit)
    library = await open_library(visit.db, visit.platform, visit.journey.library_id)
    ticked, uploads = await _ticked(visit), await _uploads(visit, library)
    reach = contract_reach(visit.contract, visit.now)
    found = []
    for account in accounts:
        source = visit.platform.sources.connectable.get(account.source_id)  # None if the operator removed it.
        if source is None:
            continue
        kinds = shared_kinds(reach, source.info) if visit.contract.kind == "read" else []
        if not kinds and not (source.info.takes and _may_be_written_to(visit, account, ticked)):
            continue
        named = [visit.words.object_type(kind) for kind in kinds[:MAX_KINDS_PER_ACCOUNT]] + ["…"] * (
            len(kinds) > MAX_KINDS_PER_ACCOUNT
        )
        found.append(
            ShareableAccount(
                account,
                visit.words.source(account.source_id),
                owner_of(visit, account, library),
                " · ".join(named),
                account.sample is not None,
                account.id in ticked,
                uploads.get(account.id, []),
            )
        )
    return found


async def visible_accounts(visit: Visit) -> list[AccountRow]:
    """List the accounts that the person on this journey may be shown, oldest first.

    Before a person proves who they are, these are only the accounts that they connected on this journey. Accounts that
    somebody else connected without proof are never among them.
    """
    if visit.journey.library_id is None:
        return []
    accounts = await library_accounts(visit.db, visit.journey.library_id)
    own: set[UUID | None] = {visit.journey.id, None} if visit.proven else {visit.journey.id}
    return [account for account in accounts if account.unproven_on in own]


async def _uploads(visit: Visit, library: OpenLibrary) -> dict[UUID, list[UploadNote]]:
    """List what the person uploaded on this journey, by account."""
    found: dict[UUID, list[UploadNote]] = {}
    for archive in await archives_of_journey(visit.db, visit.journey):
        note = upload_note(visit.words, archive.id, left_out_of(archive, library))
        found.setdefault(archive.account_id, []).append(note)
    return found


def _may_be_written_to(visit: Visit, account: AccountRow, shared: set[UUID]) -> bool:
    """Tell whether a write contract may use this account: the link asks for sources, or it was shared before."""
    asked = asks_for_sources(visit)
    return visit.contract.kind == "write" and (asked or account.id in shared)


def owner_of(visit: Visit, account: AccountRow, library: OpenLibrary) -> str:
    """Return whose account it is, or which sample data set."""
    if account.sample is not None:
        return sample_name(visit.platform.sources, visit.words, account)
    return account_display_name(account, library) or ""


def sample_name(sources: Sources, words: Translator, account: AccountRow) -> str:
    """Return the name of an account's sample data set."""
    source = sources.connectable.get(account.source_id)
    names = {sample.id: sample.name for sample in source.info.samples} if source else {}
    return words.say(names.get(account.sample or "", account.sample or ""))


async def _ticked(visit: Visit) -> set[UUID]:
    """Find which accounts are ticked at first: those that the partner's apps see already, and those connected now.

    An account that the person left out last time stays unticked. So does one that they connected for another app.
    """
    if not visit.proven or visit.journey.library_id is None:
        return connected_here(visit)
    shared = await accounts_shared_before(visit.db, visit.contract, visit.journey.library_id, visit.now)
    return set(shared) | connected_here(visit)


def chosen_accounts(shareable: Sequence[ShareableAccount], chosen: Sequence[str]) -> list[AccountRow]:
    """Return the accounts that the person ticked; ids of accounts that they may not share are ignored."""
    return [entry.account for entry in shareable if str(entry.account.id) in chosen]
