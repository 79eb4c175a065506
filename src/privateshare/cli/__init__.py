"""The command line `privateshare …`, for operators and for reading one's own data. One module per group of commands."""

import signal
import sys

INTERRUPTED_EXIT_CODE = 130  # Shells use 128 plus the number of the signal; SIGINT (Ctrl-C) is 2.


def main() -> None:
    """Run the command line. An error is printed as one line on standard error, with exit code 1."""
    try:
        from privateshare.cli.commands import run
    except ModuleNotFoundError as error:
        _exit_for_missing_package(error, "cli")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED_EXIT_CODE)
    try:
        try:
            run()
        finally:  # While Python ends, a further Ctrl-C ends it at once, without a traceback.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED_EXIT_CODE)
    except ModuleNotFoundError as error:
        _exit_for_missing_package(error, "server")


def _exit_for_missing_package(error: ModuleNotFoundError, extra: str) -> None:
    if error.name is None or error.name.startswith("privateshare"):
        raise error
    sys.exit(f"This command needs the package {error.name}. Install it with: pip install 'privateshare[{extra}]'")
