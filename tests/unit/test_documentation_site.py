"""The documentation site can be built: what `make docs` does, without writing pages."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # `make docs` does the same with pages, and fails on the same

ROOT = Path(__file__).parents[2]
BUILD = ("-m", "sphinx", "--builder", "dummy", "--quiet", "--fail-on-warning", "--keep-going", "--fresh-env")


def built(docs: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Read every document, resolve every link, and describe every public name; all that is wrong is told."""
    command = [sys.executable, *BUILD, "--doctree-dir", str(folder / "doctrees"), str(docs), str(folder / "site")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """No link or anchor inside of the site leads nowhere, and every public name is described."""
    done = built(ROOT / "docs", tmp_path)
    assert done.stderr == ""
    assert done.returncode == 0


def test_a_broken_link_is_an_error(tmp_path: Path) -> None:
    """A page that is not there, and an anchor that is not there: each is named."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("conf.py", "site"):
        (docs / name).symlink_to(ROOT / "docs" / name)
    (docs / "index.md").write_text("# Start\n\n[a](nowhere.md) [b](#nothing) [c](../nothing.py)\n")
    done = built(docs, tmp_path)
    assert done.returncode == 1
    assert {"nowhere.md", "nothing", "../nothing.py"} <= set(re.findall(r"'([^']+)'", done.stderr))
