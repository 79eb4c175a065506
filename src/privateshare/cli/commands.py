"""The tree of all commands."""

import json
import sys
from typing import Annotated

import typer

from privateshare.cli import (
    alerting,
    applications,
    audit,
    contract_editing,
    contracts,
    people,
    pushing,
    reading,
    receipts,
    signing_keys,
    sources,
    storage,
    syncs,
    webhooks,
)
from privateshare.cli.backups import backup, move, restore, verify
from privateshare.cli.checking import check
from privateshare.cli.diagnosing import doctor
from privateshare.cli.listening import listen
from privateshare.cli.login import connect, login
from privateshare.cli.serving import migrate, serve
from privateshare.cli.usage import usage
from privateshare.errors import ConfigurationError, InvalidToken, PrivateShareError
from privateshare.version import VERSION

tree = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # They print the values of variables, which may be secrets.
)
tree.command()(serve)
tree.command()(migrate)
for command in (
    login,
    connect,
    reading.whoami,
    reading.sources,
    reading.accounts,
    reading.read,
    pushing.push,
    reading.revoke,
):
    tree.command()(command)
tree.command()(check)
tree.command()(doctor)
tree.command()(backup)
tree.command()(restore)
tree.command()(verify)
tree.command()(move)
tree.command()(usage)
tree.add_typer(storage.tree, name="storage")
tree.add_typer(applications.tree, name="app")
contracts.tree.command()(contract_editing.edit)
contracts.tree.command("rotate-key")(contract_editing.rotate_key)
tree.add_typer(contracts.tree, name="contract")
tree.add_typer(people.tree, name="person")
tree.add_typer(syncs.tree, name="sync")
tree.add_typer(signing_keys.tree, name="keys")
tree.add_typer(alerting.tree, name="alert")
tree.add_typer(audit.tree, name="audit")
tree.add_typer(receipts.tree, name="receipt")
tree.add_typer(sources.tree, name="source")
tree.add_typer(webhooks.tree, name="webhook")
tree.command()(listen)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(VERSION)
        raise typer.Exit


@tree.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Share data with apps, for a stated purpose, until the person withdraws.

    This is the command line of PrivateShare.
    """


def run() -> None:
    """Run the command of this process's arguments. An error is printed as one line, or with --json as one object."""
    try:
        tree()
    except PrivateShareError as error:
        sys.exit(error_text(error, as_json="--json" in sys.argv))
    except OSError as error:  # Commands read and write files that the user named.
        sys.exit(f"privateshare: {error.strerror or error}" + (f": {error.filename}" if error.filename else ""))


def error_text(error: PrivateShareError, *, as_json: bool) -> str:
    """Format an error for standard error."""
    hint = error.hint
    if isinstance(error, InvalidToken):
        # A hint of this error itself came from the platform, and says more than the hint of the error's class.
        reason = f"{hint}. " if "hint" in vars(error) else ""
        hint = f"{reason}Run: privateshare login{' --renew' if 'expired' in error.message else ''}"
    if as_json:
        facts: dict[str, object] = {"code": error.code, "message": error.message, "hint": hint, "status": error.status}
        facts |= {"reference": error.reference, "retry_after": error.retry_after, "help_url": error.help_url}
        return json.dumps({"error": {name: value for name, value in facts.items() if value not in (None, "")}})
    reference = f" (reference {error.reference})" if error.reference else ""
    text = f"privateshare: {error.message}" + (f". {hint}" if hint else "") + reference
    # The message of an invalid setting or argument is complete, so no link to the documentation is needed.
    return text if isinstance(error, ConfigurationError) else f"{text}. See {error.help_url}"
