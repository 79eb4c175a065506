"""The metrics of several processes: summed, and each of them apart."""

import os
import re
import subprocess
import sys
from pathlib import Path

from privateshare.platform.operating.admission import create_admission
from privateshare.platform.operating.metrics import METRICS_FOLDER, Metrics

COUNTS = """
import sys
from privateshare.platform.operating.admission import create_admission
from privateshare.platform.operating.metrics import DatabaseState, Metrics

metrics = Metrics(create_admission(20))
for _ in range(int(sys.argv[1])):
    metrics.count_request("GET", "/healthz", 200, 0.01)
metrics.count_sync(16, "done")
print(metrics.expose_by_process().decode() if sys.argv[2] == "apart" else
      metrics.expose(DatabaseState([], 0, 0, False, 0)).decode())
"""
CALLS = re.compile(r"^privateshare_calls_total\{([^}]*)\} (\S+)$", re.MULTILINE)


def counted(folder: Path, calls: int, form: str) -> str:
    """Return what a process exposes that has answered so many calls."""
    command = [sys.executable, "-c", COUNTS, str(calls), form]
    environment = {**os.environ, METRICS_FOLDER: str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout


def test_processes_are_summed_and_shown_apart(tmp_path: Path) -> None:
    """The numbers of each process are those that it counted, and together they are the sum."""
    counted(tmp_path, 2, "summed")
    apart = counted(tmp_path, 5, "apart")
    found = [(labels, float(number)) for labels, number in CALLS.findall(apart)]
    assert sorted(number for _, number in found) == [2, 5]
    assert len({re.search(r'process="(\d+)"', labels)[1] for labels, _ in found}) == 2  # type: ignore[index]
    assert len(re.findall(r"^privateshare_process_memory_bytes\{", apart, re.MULTILINE)) == 2
    summed = counted(tmp_path, 1, "summed")
    assert [float(number) for _, number in CALLS.findall(summed)] == [8]
    buckets = re.findall(r'privateshare_call_seconds_bucket\{[^}]*le="\+Inf"[^}]*process="\d+"[^}]*\} (\S+)', apart)
    assert sorted(map(float, buckets)) == [2, 5]


def test_one_process_is_shown_as_it_is() -> None:
    """Without others there is nothing to tell apart."""
    metrics = Metrics(create_admission(20))
    metrics.count_request("GET", "/healthz", 200, 0.01)
    (call,) = CALLS.findall(metrics.expose_by_process().decode())
    assert "process=" not in call[0]
