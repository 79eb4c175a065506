"""Short runs of `make chaos` and `make test-scale`, which run for ten minutes by default."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.flow.proxies import program

SECONDS = "30"
ROOT = Path(__file__).parents[2]


def run_chaos(*options: str) -> str:
    """Run it, and return what it printed. It ends with status 1 if a promise was broken."""
    command = [sys.executable, "-m", "tests.chaos", "--seconds", SECONDS, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_no_promise_is_broken_while_everything_fails() -> None:
    """Processes, PostgreSQL, pgbouncer and store are killed, paused or fail, and the platform is overloaded."""
    program("pgbouncer")
    assert "refused with 429" in run_chaos()


@pytest.mark.slow
def test_no_promise_is_broken_on_several_machines() -> None:
    """Servers behind HAProxy are killed and restarted one by one, and a replica of PostgreSQL takes over."""
    program("pgbouncer")
    program("haproxy")
    assert "consents" in run_chaos("--many-machines")
