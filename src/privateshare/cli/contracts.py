"""`privateshare contract …`: what an application may ask a person for."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privateshare.cli.asking import data_request, time_ranges
from privateshare.cli.operating import AsJson, Data, in_transaction, show, show_table
from privateshare.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from privateshare.platform.db.tables import ContractRow
    from privateshare.platform.grants.contracts import ContractKind

tree = typer.Typer(help="Contracts: what an application may ask a person for.", no_args_is_help=True)

App = Annotated[str, typer.Option(help="The application's id.")]
RedirectUris = Annotated[
    list[str], typer.Option("--redirect-uri", help="Where people return to, exactly; a loopback one with any port.")
]
Purpose = Annotated[str, typer.Option(help="Why, in words that people understand.")]
Read = Annotated[
    list[str] | None,
    typer.Option(
        help="Data to read: GROUP[/SERVICE,…][:OBJECT,…] by name or id, such as entertainment, medical:127,128 "
        "or entertainment/spotify:playhistory.",
        metavar="DATA",
    ),
]
Last = Annotated[str | None, typer.Option(help="Read the last …: a number and one of h, d, m, y, such as 12m.")]
From = Annotated[datetime | None, typer.Option("--from", help="Read since this date (UTC).")]
To = Annotated[datetime | None, typer.Option("--to", help="Read until this date (UTC).")]
Once = Annotated[bool, typer.Option("--once", help="Each consent is for one read.")]
Write = Annotated[bool, typer.Option("--write", help="To push data, not to read.")]
ReadRaw = Annotated[bool, typer.Option("--read-raw", help="To read what was pushed, as it was pushed.")]
Legacy = Annotated[bool, typer.Option("--legacy", help="Allow version 1.6, where a session's key is all it takes.")]
Expires = Annotated[datetime | None, typer.Option(help="The date (UTC) from which it may not be used.")]
KeyOut = Annotated[Path | None, typer.Option(help="Make a key; write its private part to this new file.")]
PublicKey = Annotated[Path | None, typer.Option(help="Or: the app's own RSA public key, a PEM file.")]
Document = Annotated[Path | None, typer.Option(help="A contract document (JSON) to start from: links, policies.")]
ContractId = Annotated[str | None, typer.Option("--id", help="Its id, if it has one. [default: a fresh one]")]


@tree.command()
def create(
    app: App,
    redirect_uri: RedirectUris,
    purpose: Purpose,
    read: Read = None,
    last: Last = None,
    since: From = None,
    until: To = None,
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
    """Register a contract of an application, to read unless told otherwise."""
    from privateshare.platform.grants.contracts import ContractTerms, create_contract

    kind = _kind(write, read_raw, read or [])
    if kind == "write":
        part, asked = "dataPush", {"purpose": purpose}
    else:
        part, asked = "dataRequest", data_request(read or [], time_ranges(last, since, until), purpose)

    with _public_key(key_out, public_key) as pem:

        async def work(db: "AsyncSession") -> dict[str, Any]:
            terms = ContractTerms(
                kind=kind,
                document=_document(document, part, asked),
                public_key=pem,
                redirect_uris=redirect_uri,
                once=once,
                legacy=legacy,
                expires_at=expires and expires.replace(tzinfo=UTC),
            )
            return _facts(await create_contract(db, app, terms, contract_id=id_))

        facts = in_transaction(data, work)
    show({**facts, **({"private_key": str(key_out)} if key_out else {})}, as_json)


def _kind(write: bool, read_raw: bool, read: list[str]) -> "ContractKind":
    if write and read_raw:
        raise ConfigurationError("a contract is to read, to --write, or to --read-raw: not two of them")
    if write and read:
        raise ConfigurationError("a contract to --write reads nothing: leave --read out")
    if not (write or read_raw or read):
        raise ConfigurationError("what may it read? Give --read, such as --read entertainment")
    return "write" if write else "read-raw" if read_raw else "read"


@contextmanager
def _public_key(key_out: Path | None, public_key: Path | None) -> Iterator[str]:
    from privateshare.cli.keyfile import new_key_file

    if (key_out is None) == (public_key is None):
        raise ConfigurationError("give --key-out FILE to make a key, or --public-key FILE if the app has its own")
    if key_out is not None:
        with new_key_file(key_out) as pem:
            yield pem
    elif public_key is not None:
        yield _text(public_key)


def _document(start: Path | None, part: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Complete the contract document to start from, or an empty one, with what the options ask for."""
    from privateshare.protocol.contract_document import SCHEMA_VERSION, parse_document

    document: dict[str, Any] = {"schemaVersion": SCHEMA_VERSION, "revision": "1"}
    if start is not None:
        try:
            document |= json.loads(_text(start))
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"{start} does not hold a JSON object") from error
        parse_document(document)
        document["revision"] = str(document["revision"])  # The iOS client reads the revision as a text.
    return {**document, part: {**(document.get(part) or {}), **asked}}


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error


@tree.command("show")
def show_(contract_id: Annotated[str, typer.Argument()], data: Data = None, as_json: AsJson = False) -> None:
    """Show a contract and its document, which is what people see."""
    from privateshare.platform.db.tables import ContractRow

    async def work(db: "AsyncSession") -> dict[str, Any]:
        contract = await db.get(ContractRow, contract_id)
        if contract is None:
            raise ConfigurationError(f"there is no contract {contract_id}")
        return {**_facts(contract), "document": contract.document.raw, "public_key": contract.public_key}

    show(in_transaction(data, work), as_json)


@tree.command()
def end(
    contract_id: Annotated[str, typer.Argument()],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """End a contract, and every consent to it, for good: because its key was stolen, or its purpose is over."""
    from privateshare.platform.db.tables import ContractRow
    from privateshare.platform.grants.consents import end_contract

    async def work(db: "AsyncSession") -> dict[str, Any]:
        contract = await db.get(ContractRow, contract_id)
        if contract is None:
            raise ConfigurationError(f"there is no contract {contract_id}")
        await end_contract(db, contract, datetime.now(UTC))
        return _facts(contract)

    if not yes:
        typer.confirm(f"End the contract {contract_id}? Everyone would have to consent anew.", abort=True, err=True)
    show(in_transaction(data, work), as_json)


@tree.command("list")
def list_(data: Data = None, as_json: AsJson = False) -> None:
    """List the contracts."""
    from sqlalchemy import select

    from privateshare.platform.db.tables import ContractRow

    async def work(db: "AsyncSession") -> list[dict[str, Any]]:
        return [_facts(contract) for contract in await db.scalars(select(ContractRow).order_by(ContractRow.created_at))]

    shown = ("contract_id", "kind", "application", "application_id")
    rows = in_transaction(data, work)
    show_table(rows if as_json else [{name: row[name] for name in shown} for row in rows], as_json)


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
