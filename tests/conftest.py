"""What holds for all tests."""

import gc
import os
from pathlib import PurePosixPath

import httpx2
import hypothesis
import pytest
from coverage.config import CoverageConfig
from xdist.scheduler import LoadFileScheduling

import tests.certificates
import tests.loaded_keys  # noqa: F401 - clients share what these two load
from tests.patience import GIVE_UP_SECONDS

# What is set on this machine, perhaps for a platform that runs here, is not for those that tests start.
OF_PLATFORMS = ("PRIVATESHARE_", "OTEL_", "DATABASE_URL", "BLOB_URL", "PROMETHEUS_MULTIPROC_DIR")
for name in [name for name in os.environ if name.startswith(OF_PLATFORMS)]:
    del os.environ[name]

# A platform of one process starts fastest. Those of several have tests of their own.
os.environ["PRIVATESHARE_PROCESSES"] = "1"

# A machine that does other work may need longer than 200 ms for an example that usually takes one, or to generate it.
hypothesis.settings.register_profile("explore", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
# Each run of a commit tries the same examples, so that it passes whenever it passed before. `make test-slow` explores.
hypothesis.settings.register_profile("same", hypothesis.settings.get_profile("explore"), derandomize=True)
hypothesis.settings.load_profile("same")

# Whoever gives no limit waits as long as any test: on a busy machine an answer may take longer than five seconds.
for limit in ("connect", "read", "write", "pool"):
    setattr(httpx2._config.DEFAULT_TIMEOUT_CONFIG, limit, GIVE_UP_SECONDS)


def pytest_configure(config: pytest.Config) -> None:
    """Let coverage follow greenlets in the servers that tests start, which code that awaits SQLAlchemy needs.

    In the tests' own processes that would hang: each thread of a blocking client leaves a greenlet behind. So the
    process that only starts those, with `-n`, passes its configuration on as it is.
    """
    starts_test_processes = bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")
    if "COVERAGE_PROCESS_CONFIG" in os.environ and not starts_test_processes:
        servers = CoverageConfig.deserialize(os.environ["COVERAGE_PROCESS_CONFIG"])
        servers.concurrency = ["thread", "greenlet"]
        os.environ["COVERAGE_PROCESS_CONFIG"] = servers.serialize()


# Ten thousand tests are collected, and little of that is garbage. Looking for it would take more than half of the time.
gc.disable()


def pytest_collection_finish() -> None:
    """Exempt what was imported and collected from garbage collections, each of which would take half a second."""
    gc.collect()
    gc.freeze()
    gc.enable()


class SharedPlatforms(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
    """Sends the tests of a file to one worker, and all that use the same hospital and its platform too."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        folder = str(PurePosixPath(file).parent)
        return folder if folder == "tests/flow/live" else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> SharedPlatforms | None:
    """Distribute the tests, as `--dist loadfile` does but for platforms that several files share."""
    return SharedPlatforms(config, log) if config.getoption("dist") == "loadfile" else None
