"""The command line where the extras are not installed."""

import subprocess
import sys


def test_says_what_to_install() -> None:
    """Without the command line's own packages the message says what to install."""
    code = "import sys; sys.modules['typer'] = None; from privateshare.cli import main; main()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.strip() == "this command needs the package typer: pip install 'privateshare[cli]'"
