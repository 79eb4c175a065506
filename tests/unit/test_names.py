"""One public name means one thing."""

import ast
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "privateshare"
# The same class for threads and for asyncio: docs/adr/0022.
TWINS = {"Signal", "UninterruptedWork", "Settings"}  # Sources with settings each have a class `Settings`.


def test_no_two_public_classes_have_one_name():
    """A reader who finds a name in the code finds one class for it. Generated modules do not count."""
    places: dict[str, list[str]] = defaultdict(list)
    for path in SOURCE.rglob("*.py"):
        if "_sync" not in path.parts:
            for node in ast.parse(path.read_text("utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places[node.name].append(str(path.relative_to(SOURCE)))
    assert {name: found for name, found in places.items() if len(found) > 1 and name not in TWINS} == {}
