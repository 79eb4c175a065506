"""A benchmark of overload: four times as many calls as the platform can answer, from many apps, for a minute.

The load has the last core for itself, and the server all others. Each app reads the list of its accounts and a file of
4 KB in turn.

    python -m benchmarks.overload
    python -m benchmarks.overload --apps 1    all calls from one app
"""

import argparse
import asyncio
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.chaos.overload import calls_of_an_app, measure_overload
from tests.flow.people import People
from tests.flow.served import serving_as_people_do

from privateshare.platform.operating.settings import Settings
from privateshare.platform.startup import operator_platform

APPS = 20
PRIORITY = -10


async def run(folder: Path, apps: int) -> int:
    """Start a platform, measure, print the figures, and return the exit status."""
    *of_server, of_load = sorted(os.sched_getaffinity(0))
    pinned = ("taskset", "--cpu-list", ",".join(map(str, of_server or [of_load])))
    with serving_as_people_do(folder / "data", pinned) as served:
        async with operator_platform(Settings(data=folder / "data", database_pool_size=5)) as platform:
            people = People(platform, served.origin)
            by_app = [await calls_of_an_app(people) for _ in range(apps)]
        os.sched_setaffinity(0, {of_load})
        with suppress(PermissionError):  # Otherwise it is the load that waits for a core, and not the platform.
            os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
        found = await measure_overload([call for calls in zip(*by_app, strict=True) for call in calls])
    problems = found.violations() + found.slowness()
    print("\n".join([f"{apps} apps", *found.lines(), *problems]))
    return 1 if problems else 0


def main() -> None:
    """Read the arguments, and run."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--apps", type=int, default=APPS)
    with tempfile.TemporaryDirectory() as name:
        sys.exit(asyncio.run(run(Path(name), arguments.parse_args().apps)))


if __name__ == "__main__":
    main()
