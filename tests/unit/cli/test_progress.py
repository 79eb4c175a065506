"""How long work is told: a bar on a terminal, plain lines elsewhere, nothing for programs."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from privateshare.cli import progress as telling
from privateshare.cli.progress import ProgressFile, progress
from privateshare.sdk.uploads import pieces_of


def test_plain_lines_come_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal: one line for each stretch of time, none for work that is soon done."""
    with progress("big.bin") as told:
        told(1_000_000, 9_000_000)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(telling, "LINE_INTERVAL_SECONDS", 0.0)
    with progress("big.bin") as told:
        told(1_000_000, 9_000_000)
        told(2_000_000, None)
    assert capsys.readouterr().err == "big.bin: 1 of 9 MB\nbig.bin: 2 MB\n"


def test_no_progress_is_shown_with_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The output is for programs."""
    monkeypatch.setattr(telling, "LINE_INTERVAL_SECONDS", 0.0)
    with progress("big.bin", shown=False) as told:
        told(1, 2)
    assert capsys.readouterr().err == ""


def test_a_terminal_has_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error, with what was done and what there is; a name is no markup."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setitem(os.environ, "TERM", "xterm")
    with progress("[red]big.bin") as told:
        told(1_000_000, 9_000_000)
    assert "[red]big.bin" in terminal.getvalue()
    assert "9.0 MB" in terminal.getvalue()


def test_a_counted_file_reports_its_progress(tmp_path: Path) -> None:
    """Also when it is read a second time, after a temporary failure."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * 600_000)
    seen: list[tuple[int, int | None]] = []
    with path.open("rb") as file:
        pieces, again = pieces_of(ProgressFile(path, file, lambda done, total, /: seen.append((done, total))))
        assert again
        for _ in range(2):
            assert b"".join(cast(Iterator[bytes], pieces())) == path.read_bytes()
    assert seen[0][1] == 600_000
    assert [done for done, _ in seen].count(600_000) == 4  # twice at the end, twice by the read that finds it
