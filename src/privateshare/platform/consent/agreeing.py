"""What a person may share: their accounts, and what of each the contract would get."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from privateshare.platform.consent.choices import asks_for_sources, contract_reach, shared_kinds
from privateshare.platform.consent.connecting import connected_here
from privateshare.platform.consent.upload_notes import UploadNote, upload_note
from privateshare.platform.consent.walk import Walk
from privateshare.platform.db.tables import Account, ConsentAccount
from privateshare.platform.grants.consents import live_consent
from privateshare.platform.library.accounts import display_name, library_accounts
from privateshare.platform.library.archives import archives_of_journey, left_out_of
from privateshare.platform.library.libraries import OpenLibrary, open_library
from privateshare.sources.registry import all_sources

MAX_KINDS = 6  # of those named beside an account; all are named above


@dataclass(frozen=True, slots=True)
class Shareable:
    """An account on the consent page. `kinds` are those that the app would get of it; none if it would write there."""

    account: Account
    source: str
    owner: str
    kinds: str
    sample: bool
    ticked: bool
    uploads: Sequence[UploadNote] = ()


async def shareable_accounts(walk: Walk) -> list[Shareable]:
    """The person's accounts that hold something the contract asks for, or take what it sends, oldest first."""
    if walk.journey.library_id is None or walk.contract.kind == "read-raw":
        return []
    accounts = await library_accounts(walk.db, walk.journey.library_id)
    library = await open_library(walk.db, walk.platform, walk.journey.library_id)
    ticked, uploads = await _ticked(walk), await _uploads(walk, library)
    reach = contract_reach(walk.contract, walk.now)
    found = []
    for account in accounts:
        source = all_sources().get(account.source_id)  # None if the operator took it away
        if source is None:
            continue
        kinds = shared_kinds(reach, source.info) if walk.contract.kind == "read" else []
        if not kinds and not (source.info.takes and _may_be_written_to(walk, account, ticked)):
            continue
        named = [walk.words.object_type(kind) for kind in kinds[:MAX_KINDS]] + ["…"] * (len(kinds) > MAX_KINDS)
        found.append(
            Shareable(
                account,
                walk.words.source(account.source_id),
                owner_of(walk, account, library),
                " · ".join(named),
                account.sample is not None,
                ticked is None or account.id in ticked,
                uploads.get(account.id, []),
            )
        )
    return found


async def _uploads(walk: Walk, library: OpenLibrary) -> dict[UUID, list[UploadNote]]:
    """What the person uploaded on this journey, by account."""
    found: dict[UUID, list[UploadNote]] = {}
    for archive in await archives_of_journey(walk.db, walk.journey):
        note = upload_note(walk.words, archive.id, left_out_of(archive, library))
        found.setdefault(archive.account_id, []).append(note)
    return found


def _may_be_written_to(walk: Walk, account: Account, shared: set[UUID] | None) -> bool:
    """Whether a contract that writes is about this account: the link says so, or the person agreed to it before."""
    asked = asks_for_sources(walk.contract, walk.parameters)
    return walk.contract.kind == "write" and (asked or account.id in (shared or ()))


def owner_of(walk: Walk, account: Account, library: OpenLibrary) -> str:
    """Whose account it is, or which sample data set."""
    if account.sample is not None:
        samples = {sample.id: sample.name for sample in all_sources()[account.source_id].info.samples}
        return walk.words.say(samples.get(account.sample, account.sample))
    return display_name(account, library) or ""


async def _ticked(walk: Walk) -> set[UUID] | None:
    """Which accounts are ticked at first: those shared so far and those connected now; None for all.

    A person who left one out before is not asked to notice that it came back.
    """
    assert walk.journey.library_id is not None
    consent = await live_consent(walk.db, walk.contract.id, walk.journey.library_id, walk.now)
    if consent is None:
        return None
    shared = await walk.db.scalars(select(ConsentAccount.account_id).where(ConsentAccount.consent_id == consent.id))
    return set(shared) | connected_here(walk)


def chosen_accounts(shareable: Sequence[Shareable], chosen: Sequence[str]) -> list[Account]:
    """The accounts that the person ticked: of theirs, and of those the contract may see."""
    return [entry.account for entry in shareable if str(entry.account.id) in chosen]
