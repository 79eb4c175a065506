"""All commands in one tree."""

import sys

import typer

from privateshare.cli import applications, contracts, reading
from privateshare.cli.login import login
from privateshare.cli.serving import serve
from privateshare.errors import PrivateShareError

tree = typer.Typer(
    help="The Private Share platform: people lend their data to apps, for a stated purpose, until they say stop.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # they show the values of variables
)
tree.command()(serve)
for command in (login, reading.sources, reading.accounts, reading.read, reading.whoami, reading.push, reading.revoke):
    tree.command()(command)
tree.add_typer(reading.storage_tree, name="storage")
tree.add_typer(applications.tree, name="app")
tree.add_typer(contracts.tree, name="contract")


def run() -> None:
    """Runs the command of this process's arguments."""
    try:
        tree()
    except PrivateShareError as error:
        sys.exit(f"privateshare: {error.message}" + (f" ({error.hint})" if error.hint else ""))
