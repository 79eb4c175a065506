"""Tests of log lines: one format for our own and the libraries' loggers, without values of variables."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging, structlog
from privateshare.platform.operating.logs import configure_logging
from privateshare.platform.operating.settings import load_settings
configure_logging(load_settings())
structlog.get_logger("privateshare.part").info("ours", number=1)
structlog.get_logger("privateshare.part").debug("too small")
logging.getLogger("library").info("too small, too")
def fail(secret):
    raise ValueError("failed\\nDETAIL:  Key (name)=(" + secret + ") already exists.")
try:
    fail("hunter" + "2")
except ValueError:
    logging.getLogger("library").exception("theirs")
    structlog.get_logger("privateshare.part").exception("ours failed")
"""


def lines(monkeypatch: pytest.MonkeyPatch, form: str) -> list[str]:
    monkeypatch.setenv("PRIVATESHARE_LOG_FORMAT", form)
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert ended.stdout == ""
    return ended.stderr.splitlines()


def test_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line is one JSON object, tracebacks included."""
    told = [json.loads(line) for line in lines(monkeypatch, "json")]
    assert [(line["event"], line["level"]) for line in told] == [
        ("ours", "info"),
        ("theirs", "error"),
        ("ours failed", "error"),
    ]
    assert told[0]["number"] == 1
    assert all("ValueError: failed" in line["exception"] for line in told[1:])
    assert "hunter2" not in json.dumps(told)


def test_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text format shows the same fields, and no values of variables."""
    text = "\n".join(lines(monkeypatch, "text"))
    assert "ours" in text
    assert "ValueError: failed" in text
    assert "too small" not in text
    assert "hunter2" not in text
