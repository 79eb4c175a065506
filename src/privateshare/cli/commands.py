"""All commands in one tree."""

import json
import sys
from typing import Annotated

import typer

from privateshare.cli import applications, contracts, people, reading, sending, signing_keys
from privateshare.cli.login import login
from privateshare.cli.serving import serve
from privateshare.errors import ConfigurationError, InvalidToken, PrivateShareError
from privateshare.version import VERSION

tree = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # they show the values of variables
)
tree.command()(serve)
for command in (login, reading.whoami, reading.sources, reading.accounts, reading.read, sending.push, reading.revoke):
    tree.command()(command)
tree.add_typer(sending.storage_tree, name="storage")
tree.add_typer(applications.tree, name="app")
tree.add_typer(contracts.tree, name="contract")
tree.add_typer(people.tree, name="person")
tree.add_typer(signing_keys.tree, name="keys")


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
    """People lend their data to apps, for a stated purpose, until they say stop."""


def run() -> None:
    """Runs the command of this process's arguments; an error is one line, or with --json one object."""
    try:
        tree()
    except PrivateShareError as error:
        sys.exit(told(error, as_json="--json" in sys.argv))
    except OSError as error:  # of a file that the command line named
        sys.exit(f"privateshare: {error.strerror or error}" + (f": {error.filename}" if error.filename else ""))


def told(error: PrivateShareError, *, as_json: bool) -> str:
    """An error as the command line tells it."""
    hint = error.hint
    if isinstance(error, InvalidToken):
        why = f"{hint}. " if "hint" in vars(error) else ""  # which the platform said
        hint = f"{why}Run: privateshare login"
    if as_json:
        facts: dict[str, object] = {"code": error.code, "message": error.message, "hint": hint, "status": error.status}
        facts |= {"reference": error.reference, "retry_after": error.retry_after, "help_url": error.help_url}
        return json.dumps({"error": {name: value for name, value in facts.items() if value not in (None, "")}})
    reference = f" (reference {error.reference})" if error.reference else ""
    told = f"privateshare: {error.message}" + (f". {hint}" if hint else "") + reference
    # The message of a wrong setting or argument says everything that the documentation could.
    return told if isinstance(error, ConfigurationError) else f"{told}. See {error.help_url}"
