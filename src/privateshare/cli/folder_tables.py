"""The tables that `privateshare read` writes into the folder of a person's files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from privateshare.cli.table_formats import Format
from privateshare.errors import ConfigurationError
from privateshare.sdk.local_files.safe_files import TABLES_FOLDER, make_own_folder, remove_partial_files, safe_name
from privateshare.sdk.tables import outputs

if TYPE_CHECKING:
    from privateshare import Tables

DATABASES = {Format.DUCKDB: "tables.duckdb", Format.SQLITE: "tables.sqlite"}


def check_available(form: Format) -> None:
    """Raise ConfigurationError if the packages for a form are not installed, before work is done in vain."""
    if form is not Format.JSON:
        outputs.check_available(form.value)


def stale_tables(folder: Path, pruned: Sequence[Path]) -> bool:
    """Tell whether files were deleted whose objects are still in tables of the folder."""
    return bool(pruned) and bool(_existing(folder))


def write_tables(folder: Path, form: Format, *, flat: bool) -> dict[str, Any]:
    """Write the tables of a folder in a form, and again in the forms that it already has.

    Returns:
        The paths of the tables, and the files that are in no table and why.
    """
    from privateshare import tables

    found = tables(folder)
    forms: list[Format] = [form] if form is not Format.JSON else []
    for old in _existing(folder):
        if old in forms:
            continue
        try:
            check_available(old)
        except ConfigurationError:  # The table cannot be written again, and has what was deleted.
            _remove(folder, old)
        else:
            forms.append(old)
    paths = [path for each in forms for path in _write(found, folder, each, flat=flat)]
    return {"tables": [str(path) for path in paths], "in_no_table": found.left_out}


def folder_size(folder: Path) -> dict[str, Any] | None:
    """Return how many files a folder has and their size in bytes; None if it is not there any more, or empty."""
    sizes = [path.lstat().st_size for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    return {"folder": str(folder), "files": len(sizes), "bytes": sum(sizes)} if sizes else None


def _write(found: "Tables", folder: Path, form: Format, *, flat: bool) -> Sequence[Path]:
    if form is Format.DUCKDB:
        return [found.to_duckdb(folder / DATABASES[form], flat=flat)]
    if form is Format.SQLITE:
        return [found.to_sqlite(folder / DATABASES[form], flat=flat)]
    tables_folder = make_own_folder(folder / TABLES_FOLDER)
    remove_partial_files(tables_folder)
    written = found.to_parquet(tables_folder, flat=flat)
    for path in _parquet_files(folder):
        if path.name not in {safe_name(f"{name}.parquet") for name in found} and outputs.parquet_fingerprint(path):
            path.unlink()  # All objects of this table are gone.
    return written


def _existing(folder: Path) -> Sequence[Format]:
    """Return the forms in which a folder has tables."""
    databases = [form for form, name in DATABASES.items() if (folder / name).is_file()]
    return ([Format.PARQUET] if _parquet_files(folder) else []) + databases


def _remove(folder: Path, form: Format) -> None:
    for path in _parquet_files(folder) if form is Format.PARQUET else [folder / DATABASES[form]]:
        path.unlink(missing_ok=True)


def _parquet_files(folder: Path) -> list[Path]:
    parquet = folder / TABLES_FOLDER
    return [] if parquet.is_symlink() else sorted(parquet.glob("*.parquet"))
