"""Writes the table of all settings in `docs/deploy.md`, from the code.

`--check` writes nothing, and fails if the table is not up to date.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "deploy.md"
BEGIN, END = "<!-- table of settings: begin -->\n", "<!-- table of settings: end -->\n"
sys.path.insert(0, str(ROOT / "docs" / "site"))

import references  # noqa: E402 - it is in the folder that was just added

from privateshare.platform.operating.settings import Settings  # noqa: E402
from privateshare.platform.operating.settings_file import variables_of  # noqa: E402


def main() -> int:
    """Write the table, or with `--check` compare it; return 1 if it differs, else 0."""
    text = DOCUMENT.read_text("utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"{DOCUMENT} must have the lines {BEGIN.strip()} and {END.strip()} once")
    before, rest = text.split(BEGIN)
    wanted = f"{before}{BEGIN}{table()}{END}{rest.split(END)[1]}"
    if "--check" not in sys.argv[1:]:
        DOCUMENT.write_text(wanted, "utf-8")
        return 0
    if wanted != text:
        print("docs/deploy.md: the table of settings is not up to date. Run: make settings-table", file=sys.stderr)
        return 1
    return 0


def table() -> str:
    """Return one row for each setting."""
    lines = ["| setting | meaning | form | default |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        variables = ", ".join(f"`{variable}`" for variable in variables_of(name, field))
        meaning = " ".join((field.description or "").replace("|", r"\|").split())
        form, default = references.form(field.annotation), references.default(field)
        lines.append(f"| `{name}`, {variables} | {meaning} | {form} | {default} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
