"""Measure how long a million objects take to become Parquet, and how much memory: `python benchmarks/tables.py [N]`.

The objects are plays as Spotify's history has them, in files of one month each, in a folder as a reading leaves it.
"""

import json
import resource
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from privateshare import tables

MONTHS = 120
FIRST_YEAR = 2016
MEGABYTE = 1024 * 1024


def main() -> None:
    """Make the files, then measure."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with TemporaryDirectory() as folder:
        size = sum(_month(Path(folder), month, count // MONTHS) for month in range(MONTHS))
        print(f"{count // MONTHS * MONTHS:,} objects in {MONTHS} files, {size / MEGABYTE:.0f} MB")
        before, clock = _peak(), Clock()
        found = tables(folder)
        print(f"tables():      {clock}, {_peak():4.0f} MB (Python alone {before:.0f} MB)")
        (path,) = found.to_parquet(Path(folder) / "parquet")
        print(f"to_parquet():  {clock}, {_peak():4.0f} MB, {path.stat().st_size / MEGABYTE:.0f} MB on disk")
        clock = Clock()
        found.to_parquet(Path(folder) / "parquet")
        print(f"the same again: {clock}")


class Clock:
    """Tells how much time has passed, and how much of a processor this process has used."""

    def __init__(self) -> None:
        self._began, self._used = time.monotonic(), time.process_time()

    def __str__(self) -> str:
        return f"{time.monotonic() - self._began:5.1f} s, of a processor {time.process_time() - self._used:5.1f} s"


def _month(folder: Path, month: int, count: int) -> int:
    """Write a file of plays, and return its size."""
    plays = [_play(month, number) for number in range(count)]
    name = f"18_5_19_1_406_D{FIRST_YEAR + month // 12}{month % 12 + 1:02}_1.json"
    return (folder / name).write_bytes(json.dumps(plays, separators=(",", ":")).encode())


def _play(month: int, number: int) -> dict[str, object]:
    track, started = (month * 7919 + number * 31) % 20_000, 1_451_606_400_000 + month * 2_629_800_000 + number * 300_000
    own = {"accountentityid": "19_listener"}
    return own | {
        "entityid": f"19_listener_{started}_{track:022}",
        "createddate": started,
        "msplayed": 180_000 + number % 60_000,
        "skipped": number % 5 == 0,
        "shuffle": False,
        "reasonstart": "trackdone",
        "reasonend": "fwdbtn" if number % 5 == 0 else "trackdone",
        "platform": "iOS 17.1 (iPhone14,2)",
        "country": "NZ",
        "track": own
        | {
            "entityid": f"19_listener_{track:022}",
            "id": f"{track:022}",
            "name": f"The song number {track}",
            "link": f"https://open.spotify.com/track/{track:022}",
            "artists": [own | {"entityid": f"19_listener_{track % 999:022}", "name": f"Artist {track % 999}"}],
            "album": own | {"entityid": f"19_listener_{track % 4000:022}", "name": f"Album {track % 4000}"},
        },
    }


def _peak() -> float:
    """Return the most memory that this process has taken, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
