"""`privateshare …`: the operator's tasks at the command line. One module per noun."""

import sys

INTERRUPTED = 130  # by Ctrl-C, as shells have it


def main() -> None:
    """Runs the command line; an error is one line on standard error, and exit code 1."""
    try:
        from privateshare.cli.commands import run
    except ModuleNotFoundError as error:
        _end_for_missing(error, "cli")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    try:
        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except ModuleNotFoundError as error:
        _end_for_missing(error, "server")


def _end_for_missing(error: ModuleNotFoundError, extra: str) -> None:
    if error.name is None or error.name.startswith("privateshare"):
        raise error
    sys.exit(f"this command needs the package {error.name}: pip install 'privateshare[{extra}]'")
