"""`privateshare contract …`: registering contracts, which say what an application may ask people for."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privateshare.cli.contract_options import (
    App,
    Contract,
    ContractId,
    Deletion,
    Document,
    Expires,
    From,
    KeyOut,
    Last,
    LeavesDevice,
    Legacy,
    NeededDays,
    Once,
    PrivacyPolicy,
    PublicKey,
    Purpose,
    Read,
    ReadRaw,
    Reason,
    RedirectUris,
    Required,
    Retention,
    Sharing,
    To,
    Write,
)
from privateshare.cli.contract_parts import (
    add_reasons,
    data_request,
    merged,
    reading_terms,
    time_ranges,
)
from privateshare.cli.data_folder import Data, in_transaction
from privateshare.cli.output import AsJson, show, show_table
from privateshare.errors import ConfigurationError
from privateshare.protocol.addresses import is_web_address

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from privateshare.platform.db.tables import ContractRow
    from privateshare.platform.grants.contracts import ContractKind

tree = typer.Typer(help="Register contracts, which say what an application may ask people for.", no_args_is_help=True)


@tree.command()
def create(
    app: App,
    redirect_uri: RedirectUris,
    purpose: Purpose,
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
    once: Once = False,
    write: Write = False,
    read_raw: ReadRaw = False,
    legacy: Legacy = False,
    expires: Expires = None,
    key_out: KeyOut = None,
    public_key: PublicKey = None,
    document: Document = None,
    id_: ContractId = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Register a contract of an application. It reads, unless --write or --read-raw is given.

    The consent page shows what the app does with the data: --retention, --sharing, --leaves-device, --deletion and
    --privacy-policy. For each that is not given it says that the app does not say.
    """
    from privateshare.platform.grants.contracts import ContractTerms, create_contract

    kind = _kind(write, read_raw, read or [])
    check_texts(purpose, privacy_policy)
    terms = reading_terms(retention, sharing, leaves_device, deletion, needed_days)
    if kind == "write":
        if terms or reason or required:
            raise ConfigurationError(
                "--retention, --sharing, --leaves-device, --deletion, --reason, --required and --needed-days are for "
                "reading"
            )
        parts = {"dataPush": {"purpose": purpose}}
    else:
        asked = data_request(read or [], time_ranges(last, since, until), purpose) | terms
        add_reasons(asked, reason or [], required or [])
        parts = {"dataRequest": asked}
    if privacy_policy:
        parts["resources"] = {"privacyPolicy": privacy_policy}
    with public_key_of(key_out, public_key) as pem:

        async def work(db: "AsyncSession") -> dict[str, Any]:
            contract = ContractTerms(
                kind=kind,
                document=document_of(document, parts),
                public_key=pem,
                redirect_uris=redirect_uri,
                once=once,
                legacy=legacy,
                expires_at=expires and expires.replace(tzinfo=UTC),
            )
            return contract_facts(await create_contract(db, app, contract, contract_id=id_))

        facts = in_transaction(data, work, "contract create")
    show({**facts, **({"private_key": str(key_out)} if key_out else {})}, as_json)


def check_texts(purpose: str | None, privacy_policy: str | None) -> None:
    """Check the texts of a contract that are options of their own. Raises ConfigurationError."""
    if purpose is not None and not purpose.strip():
        raise ConfigurationError("--purpose must say in a sentence what the app does with the data")
    if privacy_policy is not None and not is_web_address(privacy_policy):
        raise ConfigurationError("--privacy-policy must be an address such as https://example.org/privacy")


def _kind(write: bool, read_raw: bool, read: list[str]) -> "ContractKind":
    if write and read_raw:
        raise ConfigurationError("--write and --read-raw cannot be combined; register two contracts")
    if write and read:
        raise ConfigurationError("--read and --write cannot be combined; register two contracts")
    if not (write or read_raw or read):
        raise ConfigurationError("add --read with the data to read, such as --read entertainment")
    return "write" if write else "read-raw" if read_raw else "read"


@contextmanager
def public_key_of(key_out: Path | None, public_key: Path | None) -> Iterator[str]:
    """Provide the public key of an app, which is generated or in a file. Raises ConfigurationError."""
    from privateshare.cli.key_file import new_key_file

    if (key_out is None) == (public_key is None):
        raise ConfigurationError(
            "add --key-out FILE to generate a key, or --public-key FILE if the app has its own key"
        )
    if key_out is not None:
        with new_key_file(key_out) as pem:
            yield pem
    elif public_key is not None:
        yield _text(public_key)


def document_of(start: Path | None, options: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Add the options, by part, to the contract document that was given, or to an empty one."""
    from privateshare.protocol.contract_document import SCHEMA_VERSION, parse_document

    document: dict[str, Any] = {"schemaVersion": SCHEMA_VERSION, "revision": "1"}
    if start is not None:
        try:
            document |= json.loads(_text(start))
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"{start} does not hold a JSON object") from error
        parse_document(document)
        document["revision"] = str(document["revision"])  # The iOS client requires a text here.
    return {**document, **{part: merged(document.get(part) or {}, asked) for part, asked in options.items()}}


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error


@tree.command("show")
def show_(contract_id: Contract, data: Data = None, as_json: AsJson = False) -> None:
    """Show a contract and its document, the content of which people see."""

    async def work(db: "AsyncSession") -> dict[str, Any]:
        contract = await _find(db, contract_id)
        return {**contract_facts(contract), "document": contract.document.raw, "public_key": contract.public_key}

    show(in_transaction(data, work), as_json)


@tree.command()
def end(
    contract_id: Contract,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """End a contract and all consents to it, permanently: for example because its key was stolen."""
    from privateshare.platform.grants.consents import end_contract

    async def work(db: "AsyncSession") -> dict[str, Any]:
        contract = await _find(db, contract_id)
        await end_contract(db, contract, datetime.now(UTC))
        return contract_facts(contract)

    if not yes:
        question = f"End the contract {contract_id}? All consents to it end, and people must consent to a new contract."
        typer.confirm(question, abort=True, err=True)
    show(in_transaction(data, work, "contract end"), as_json)


async def _find(db: "AsyncSession", contract_id: str) -> "ContractRow":
    """Return a contract. Raises ConfigurationError if there is none with this id."""
    from privateshare.platform.db.tables import ContractRow

    contract = await db.get(ContractRow, contract_id)
    if contract is None:
        raise ConfigurationError(
            f"there is no contract {contract_id}", hint="List them with: privateshare contract list"
        )
    return contract


@tree.command("list")
def list_(data: Data = None, as_json: AsJson = False) -> None:
    """List the contracts."""
    from sqlalchemy import select, type_coerce
    from sqlalchemy.dialects.postgresql import JSONB
    from sqlalchemy.orm import defer

    from privateshare.platform.db.tables import ContractRow

    # The documents are not parsed, so that one that is damaged does not keep the others from being listed.
    document = type_coerce(ContractRow.document, JSONB)
    query = select(ContractRow, document).options(defer(ContractRow.document)).order_by(ContractRow.created_at)

    async def work(db: "AsyncSession") -> list[dict[str, Any]]:
        return [_facts(contract) | {"revision": _revision(found)} for contract, found in await db.execute(query)]

    shown = ("contract_id", "kind", "application", "application_id", "revision")
    rows = in_transaction(data, work)
    show_table(rows if as_json else [{name: row[name] for name in shown} for row in rows], as_json)


def contract_facts(contract: "ContractRow") -> dict[str, Any]:
    """Describe a contract."""
    return _facts(contract) | {"revision": _revision(contract.document.raw)}


def _revision(document: object) -> str:
    return str(document.get("revision", "1")) if isinstance(document, Mapping) else "damaged"


def _facts(contract: "ContractRow") -> dict[str, Any]:
    return {
        "contract_id": contract.id,
        "application_id": contract.application_id,
        "application": contract.application.name,
        "kind": contract.kind,
        "once": contract.once,
        "legacy": contract.legacy,
        "redirect_uris": contract.redirect_uris,
        "expires_at": contract.expires_at and contract.expires_at.isoformat(),
    }
