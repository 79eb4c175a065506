"""The command line where the extras are not installed."""

import subprocess
import sys


def test_says_what_to_install() -> None:
    """Without the command line's own packages the message says what to install."""
    code = "import sys; sys.modules['typer'] = None; from privateshare.cli import main; main()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 1
    assert (
        ended.stderr.strip() == "This command needs the package typer. Install it with: pip install 'privateshare[cli]'"
    )


ABSENT = "fcntl grp pwd resource termios uvloop pty"
MODULES = (
    "privateshare.cli.commands privateshare.cli.profiles privateshare.testing privateshare.web privateshare.objects"
)


def test_needs_nothing_that_only_posix_has() -> None:
    """The SDK and the person's commands are there on Windows too, where these modules are not."""
    code = f"""
import importlib, pkgutil, sys
sys.modules.update(dict.fromkeys({ABSENT!r}.split()))
import privateshare.sdk
for found in pkgutil.walk_packages(privateshare.sdk.__path__, "privateshare.sdk."):
    importlib.import_module(found.name)
for name in {MODULES!r}.split():
    importlib.import_module(name)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
