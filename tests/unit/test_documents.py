"""The documents name files, commands, make targets and settings. Whatever is renamed must be renamed there too."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from typer.main import get_command

from privateshare.cli.commands import tree
from privateshare.platform.operating.settings import Settings
from privateshare.platform.operating.settings_file import OTHER_VARIABLES, variables_of
from privateshare.platform.operating.source_tables import is_of_source
from privateshare.sources.new_package import SIGN_IN

ROOT = Path(__file__).parents[2]
FOLDERS = (".", "docs", "docs/guides", "docs/tutorials")
DOCUMENTS = [document for folder in FOLDERS for document in sorted((ROOT / folder).glob("*.md"))]
DOCUMENTS.remove(ROOT / "CHANGELOG.md")  # It also names what was there once.


def found(pattern: str) -> Iterator[tuple[str, str]]:
    """Yield what matches in the documents, each with the document."""
    for document in DOCUMENTS:
        for text in re.findall(pattern, document.read_text("utf-8")):
            yield document.name, text


def test_every_file_of_python_exists() -> None:
    """A path is relative to the repository, to src/privateshare, or to a folder in one of them."""
    folders = ("src", "tests", "scripts", "benchmarks", "examples")
    files = [path.as_posix() for folder in folders for path in ROOT.glob(f"{folder}/**/*.py")]
    files += [f"/{name}" for name in SIGN_IN]  # A new package has these.
    named = {name for _, name in found(r"`((?:[\w.]+/)+\w+\.py)\b[`:]") if "NAME" not in name}
    assert len(named) > 100
    assert not [name for name in named if not any(file.endswith(f"/{name}") for file in files)]


def test_every_command_exists() -> None:
    """A command is what follows `privateshare`: groups, and the name of a command."""
    unknown = []
    for document, line in found(r"(?:^|[`$ ])privateshare (?!import)((?:[a-z][a-z-]+ ?)+)"):
        command = get_command(tree)
        for word in line.split():
            commands = getattr(command, "commands", None)
            if commands is None:
                break  # What follows are arguments.
            if word not in commands:
                unknown.append((document, line))
                break
            command = commands[word]
    assert not unknown


def test_every_make_target_exists() -> None:
    """A target is what follows `make` in code."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert not [(document, name) for document, name in found(r"(?:^|`)make ([a-z-]+)") if name not in targets]


def test_every_setting_exists() -> None:
    """A setting is an environment variable that begins with PRIVATESHARE_."""
    settings = {name for field, info in Settings.model_fields.items() for name in variables_of(field, info)}
    known = settings | OTHER_VARIABLES
    named = set(found(r"\b(PRIVATESHARE_[A-Z_]*[A-Z])\b"))
    assert not [(document, name) for document, name in named if name not in known and not is_of_source(name)]


def test_the_design_lists_the_layers_of_the_platform() -> None:
    """They are those that import-linter checks, in the same order."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = (entry["layers"] for entry in contracts if entry.get("containers") == ["privateshare.platform"])
    design = (ROOT / "docs" / "design.md").read_text("utf-8")
    table = design.partition("| layer | responsibility |")[2].partition("\n\n")[0]
    cells = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in table.splitlines()[2:]]
    assert [name for cell in cells for name in cell] == [name for layer in layers for name in layer.split(" | ")]
