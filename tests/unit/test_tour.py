"""The tour names files of the code. A file that is renamed must be renamed there too."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOUR = (ROOT / "docs" / "tour.md").read_text("utf-8")
LIST = TOUR[TOUR.index("## Where is what") : TOUR.index("## From consent")]


def test_every_file_in_the_list_exists():
    """A path in the list is relative to src/privateshare, or names a file beside the one before it."""
    folder, found = ROOT / "src" / "privateshare", 0
    near = folder
    for name in re.findall(r"`([\w/*]+(?:\.py|\.html|\.po)|[a-z_]+/[a-z_/]*)`", LIST):
        places = [place for place in (folder, near) if any(place.glob(name))]
        assert places, name
        path = next(places[0].glob(name))
        near, found = path if path.is_dir() else path.parent, found + 1
    assert found > 20


def test_every_path_with_a_folder_in_the_text_exists():
    """Paths in the text are relative to src/privateshare, to the repository, or to a folder that the text named."""
    files = [str(path.relative_to(ROOT)) for folder in ("s*", "tests") for path in ROOT.glob(f"{folder}/**/*.py")]
    for name in re.findall(r"`([a-z_]+/[\w/]+\.py)`", TOUR):
        assert any(file.endswith(f"/{name}") or file == name for file in files), name


def test_every_name_in_parentheses_is_in_its_file():
    """A name behind a path is defined in that file."""
    named = re.findall(r"`([\w/]+\.py)`(?: decides)? \(`(\w+)`", TOUR)
    assert len(named) > 4
    for path, name in named:
        text = (ROOT / "src" / "privateshare" / path).read_text("utf-8")
        assert re.search(rf"^ *(?:async )?(?:def|class) {name}\b", text, re.MULTILINE), (path, name)
