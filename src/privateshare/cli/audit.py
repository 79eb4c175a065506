"""`privateshare audit …`: verifying the audit log, and saving its heads."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from privateshare.cli.data_folder import Data, in_transaction, on_platform
from privateshare.cli.output import AsJson, show
from privateshare.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from privateshare.platform.runtime import Platform

tree = typer.Typer(help="Verify the audit log, which records what happened to people's data.", no_args_is_help=True)

Heads = Annotated[
    list[Path] | None,
    typer.Option(
        help="A file of heads that were saved earlier, one per line, as `privateshare audit head` and "
        "/.well-known/privateshare-log give them. Can be repeated."
    ),
]


@tree.command()
def verify(heads: Heads = None, data: Data = None, as_json: AsJson = False) -> None:
    """Check that no entry of the log was changed, removed or moved. Exits with status 1 if one was.

    Without --heads, a log that was cut off at an earlier head, or written anew with the platform's signing key, is not
    noticed.
    """
    from privateshare.platform.audit.verification import Verification, verify_log

    saved = [head for file in heads or [] for head in _read_heads(file)]

    async def work(platform: "Platform", db: "AsyncSession") -> Verification:
        await db.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        return await verify_log(db, platform.master_key, saved)

    found = on_platform(data, work)
    facts: dict[str, Any] = {
        "entries": found.entries,
        "waiting": found.waiting,
        "erased": found.erased,
        "heads": found.heads,
        "saved_heads": found.saved_heads,
        "intact": not found.problems,
        "problems": found.problems,
    }
    show(facts, as_json)
    if found.problems:
        raise typer.Exit(1)


@tree.command()
def head(data: Data = None) -> None:
    """Print the newest signed head as one line of JSON. Append it to a file elsewhere, for `verify --heads`."""
    from privateshare.platform.audit.chain import newest_head

    async def work(db: "AsyncSession") -> str:
        found = await newest_head(db)
        if found is None:
            raise ConfigurationError("the audit log has no entries yet")
        return found

    typer.echo(json.dumps({"head": in_transaction(data, work)}))


def _read_heads(file: Path) -> Iterator[str]:
    """Read the heads in a file: JSON objects with `head`, or the JWTs themselves, one per line."""
    for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            yield str(json.loads(line)["head"]) if line.lstrip().startswith("{") else line.strip()
        except (ValueError, KeyError) as error:
            raise ConfigurationError(f"{file}, line {number}: this is not a head of the audit log") from error
