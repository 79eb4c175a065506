"""`privateshare contract edit` and `rotate-key`: changing a contract while apps use it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privateshare.cli.contract_options import (
    Contract,
    Deletion,
    Expires,
    From,
    KeyOut,
    Last,
    LeavesDevice,
    NeededDays,
    PrivacyPolicy,
    PublicKey,
    Read,
    Reason,
    Required,
    Retention,
    Sharing,
    To,
)
from privateshare.cli.contract_parts import add_reasons, merged, reading_terms, service_group, time_ranges
from privateshare.cli.contracts import check_texts, contract_facts, document_of, public_key_of
from privateshare.cli.data_folder import Data, in_transaction
from privateshare.cli.output import AsJson, show
from privateshare.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession


def edit(
    contract_id: Contract,
    purpose: Annotated[str | None, typer.Option(help="The reason for the request, in other words.")] = None,
    read: Read = None,
    last: Last = None,
    since: From = None,
    until: To = None,
    retention: Retention = None,
    sharing: Sharing = None,
    leaves_device: LeavesDevice = None,
    deletion: Deletion = None,
    privacy_policy: PrivacyPolicy = None,
    reason: Reason = None,
    required: Required = None,
    needed_days: NeededDays = None,
    once: Annotated[
        bool | None, typer.Option("--once/--again", help="Each consent allows one read only, or more than one.")
    ] = None,
    redirect_uri: Annotated[
        list[str] | None, typer.Option("--redirect-uri", help="The exact addresses to which people return from now on.")
    ] = None,
    expires: Expires = None,
    document: Annotated[
        Path | None, typer.Option(help="A whole contract document (JSON), in place of the one that there is.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change, and how many people would be asked.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Give a contract a new version. What is not given stays as it is; --read replaces all data that it reads.

    What the new version no longer asks for stops at once. What it asks for in addition, an app gets only from people
    who agree to it: the consent page shows them what is new. Until then the app reads what they agreed to, and keeps
    its tokens.
    """
    from privateshare.platform.grants.contract_edits import ContractEdit, edit_contract, load_for_edit

    check_texts(purpose, privacy_policy)
    ranges = time_ranges(last, since, until) if last or since or until else None
    terms = reading_terms(retention, sharing, leaves_device, deletion, needed_days)

    async def work(db: "AsyncSession") -> dict[str, Any]:
        now = datetime.now(UTC)
        contract = await load_for_edit(db, contract_id, now)
        if contract.kind == "write" and any((read, ranges, terms, reason, required)):
            raise ConfigurationError(f"the contract {contract_id} writes, so it has a purpose but reads no data")
        part = "dataPush" if contract.kind == "write" else "dataRequest"
        given = {
            "purpose": purpose,
            "timeRanges": ranges,
            "serviceGroups": [service_group(words) for words in read] if read else None,
        }
        raw = document_of(document, {}) if document is not None else dict(contract.document.raw)
        raw[part] = _changed(raw.get(part) or {}, given | terms, reason or [], required or [])
        if privacy_policy is not None:
            raw["resources"] = {**(raw.get("resources") or {}), "privacyPolicy": privacy_policy}
        new = ContractEdit(raw, redirect_uri or None, once, expires and expires.replace(tzinfo=UTC))
        edited = await edit_contract(db, contract, new, now)
        facts = {
            **contract_facts(edited.contract),
            "more": [one.text for one in edited.differences if one.grows],
            "less": [one.text for one in edited.differences if not one.grows],
            "people_to_ask": edited.people_to_ask,
        }
        if dry_run:
            await db.rollback()
        return facts

    show(in_transaction(data, work, None if dry_run else "contract edit"), as_json)


def rotate_key(
    contract_id: Contract,
    key_out: KeyOut = None,
    public_key: PublicKey = None,
    overlap_days: Annotated[
        int, typer.Option(min=0, max=90, help="For how many days the old key is valid too; 0 if it was stolen.")
    ] = 7,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Give a contract another key, without a moment in which its app cannot work.

    For some days both keys are valid. An app gets its files encrypted to the key that it signs its requests with, so it
    can change over whenever it likes. Consents and tokens stay as they are.
    """
    from privateshare.platform.grants.contract_edits import load_for_edit, replace_public_key

    with public_key_of(key_out, public_key) as pem:

        async def work(db: "AsyncSession") -> dict[str, Any]:
            now = datetime.now(UTC)
            contract = await load_for_edit(db, contract_id, now)
            replace_public_key(contract, pem, now, timedelta(days=overlap_days))
            until = contract.previous_key_until
            return {
                **contract_facts(contract),
                "old_key_until": until.isoformat(timespec="seconds") if until else None,
            }

        facts = in_transaction(data, work, "contract rotate-key")
    show({**facts, **({"private_key": str(key_out)} if key_out else {})}, as_json)


def _changed(
    asked: dict[str, Any], given: dict[str, Any], reasons: Sequence[str], required: Sequence[str]
) -> dict[str, Any]:
    """Return the part of a document that asks for data, with what is given in place of what there was."""
    changed = merged(asked, {name: value for name, value in given.items() if value is not None})
    if reasons or required:
        changed["serviceGroups"] = [dict(group) for group in changed.get("serviceGroups") or []]
        add_reasons(changed, reasons, required)
    return changed
