"""The files that operators start from: every setting in them exists, and systemd understands its unit."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pydantic import AliasChoices

from privateshare.platform.operating.settings import Settings
from privateshare.platform.operating.settings_file import FILE_VARIABLE

ROOT = Path(__file__).parents[2]
FILES = [
    ROOT / "Dockerfile",
    ROOT / "compose.yaml",
    *sorted(file for file in (ROOT / "deploy").rglob("*") if file.is_file()),
]
EXPOSURE_ALLOWED = 2.0  # of 10, by systemd's own measure; a unit without any protection has 9.6


def variables() -> set[str]:
    """Return the names of all environment variables that are settings, and of the one that names their file."""
    names = {FILE_VARIABLE}
    for name, field in Settings.model_fields.items():
        aliases = field.validation_alias
        names |= (
            set(map(str, aliases.choices)) if isinstance(aliases, AliasChoices) else {f"PRIVATESHARE_{name.upper()}"}
        )
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    """A setting that was renamed would be ignored in silence."""
    named = set(re.findall(r"\b(PRIVATESHARE_[A-Z_]+|DATABASE_URL|BLOB_URL)\b", path.read_text("utf-8")))
    assert named <= variables()


def test_the_files_are_all_there() -> None:
    """So that the test above cannot pass for want of files."""
    assert {path.name for path in FILES} >= {"Caddyfile", "nginx.conf", "privateshare.service", "compose.yaml"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="this machine has no systemd")
def test_systemd_understands_the_unit_and_finds_it_safe(tmp_path: Path) -> None:
    """No unknown option, and little that a process which was taken over could reach."""
    unit = tmp_path / "privateshare.service"
    text = (ROOT / "deploy" / "privateshare.service").read_text("utf-8")
    assert "/opt/privateshare/bin/privateshare serve" in text
    unit.write_text(text.replace("/opt/privateshare/bin/privateshare serve", "/bin/true"))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    measured = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
        capture_output=True,
        text=True,
        check=True,
    )
    exposure = re.search(r"Overall exposure level for .*?: ([\d.]+)", measured.stdout)
    assert exposure is not None
    assert float(exposure[1]) <= EXPOSURE_ALLOWED
