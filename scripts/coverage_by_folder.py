"""Prints how much of each folder of `src` the tests reach, and fails where that is below its floor in pyproject.toml.

A folder's figure counts statements and branches, of the files in it and below it.
"""

import json
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
PACKAGE = PurePosixPath("src/privateshare")
DEEPEST = 2  # The number of folder levels that are printed.


@dataclass
class Reached:
    """How many statements and branches there are, and how many of them ran."""

    statements: int = 0
    branches: int = 0
    covered: int = 0

    def add(self, summary: dict[str, int]) -> None:
        """Add the numbers of one file."""
        self.statements += summary["num_statements"]
        self.branches += summary["num_branches"]
        self.covered += summary["covered_lines"] + summary["covered_branches"]

    @property
    def percent(self) -> float:
        """Return the share that ran, in percent; of an empty folder 100."""
        total = self.statements + self.branches
        return 100 * self.covered / total if total else 100.0


def main() -> int:
    """Print the table; return 1 if a folder is below its floor, else 0."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    settings = pyproject["tool"]["coverage"], pyproject["tool"]["privateshare"]["coverage-floors"]
    report = json.loads((ROOT / settings[0]["json"]["output"]).read_text("utf-8"))
    folders = reached_by_folder(report)
    floors: dict[str, float] = settings[1]
    print(f"{'folder':<28} {'statements':>10} {'branches':>9} {'reached':>8} {'floor':>6}")
    for folder in sorted(folders):
        found, floor = folders[folder], floors.get(folder)
        shown = f"{floor:.0f} %" if floor is not None else ""
        print(f"{folder:<28} {found.statements:>10} {found.branches:>9} {found.percent:>6.1f} % {shown:>6}")
    below = [folder for folder, floor in floors.items() if folder not in folders or folders[folder].percent < floor]
    for folder in below:
        print(f"{folder} is below its floor, which pyproject.toml sets", file=sys.stderr)
    return 1 if below else 0


def reached_by_folder(report: dict[str, dict[str, dict[str, dict[str, int]]]]) -> dict[str, Reached]:
    """Sum the files of coverage.py's JSON report by the folders that they are in."""
    folders: dict[str, Reached] = {}
    for name, file in report["files"].items():
        for folder in folders_of(PurePosixPath(name)):
            folders.setdefault(folder, Reached()).add(file["summary"])
    return folders


def folders_of(path: PurePosixPath) -> Iterator[str]:
    """Yield the folders that a file counts for, the whole package first."""
    parts = path.relative_to(PACKAGE).parts[:-1]
    yield "all"
    for depth in range(1, min(len(parts), DEEPEST) + 1):
        yield "/".join(parts[:depth])


if __name__ == "__main__":
    sys.exit(main())
