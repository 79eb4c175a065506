"""How the command line starts."""

import subprocess
import sys


def test_help_and_completion_import_nothing_heavy() -> None:
    """Each press of Tab starts it: a command's libraries come when the command runs."""
    code = "import sys, privateshare.cli.commands; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    heavy = {"pydantic", "httpx2", "cryptography", "joserfc", "rich", "fastapi", "sqlalchemy", "pyarrow"}
    assert heavy.isdisjoint(loaded)
