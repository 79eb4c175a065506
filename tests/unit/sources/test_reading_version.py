"""Tests of what decides whether an export that was read before would be read in the same way again."""

import zoneinfo
from pathlib import Path

import pytest

from privateshare.sources.reading_version import reading_version

VERSION_NOW = reading_version.__wrapped__


def test_the_same_code_on_the_same_machine_reads_the_same() -> None:
    """Otherwise no file would ever be recognised."""
    assert VERSION_NOW(None) == VERSION_NOW(None) == reading_version(None)


@pytest.mark.parametrize("name", ["tzdata.zi", "+VERSION"])
def test_other_rules_of_time_zones_read_otherwise(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A calendar that is uploaded again after a country abolished summer time has other times."""
    monkeypatch.setattr(zoneinfo, "TZPATH", (str(tmp_path), "/does/not/exist"))
    found = {VERSION_NOW(None)}
    for release in ("2026a", "2026b"):
        (tmp_path / name).write_text(f"# version {release}\n")
        found.add(VERSION_NOW(None))
    assert len(found) == 3
