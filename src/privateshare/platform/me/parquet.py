"""Objects as a Parquet table, if pyarrow is installed."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

MAX_COLUMNS = 500


def parquet_table(objects: Sequence[object]) -> bytes | None:
    """Build a table with a row for each object and a column for each field; None without pyarrow or without objects.

    A field is a column of booleans, of numbers, or of texts if it has anything else; nested values are JSON texts.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return None
    rows = [thing for thing in objects if isinstance(thing, Mapping)]
    if not rows:
        return None
    names = list(dict.fromkeys(str(name) for row in rows for name in row))[:MAX_COLUMNS]
    columns = {name: _column([row.get(name) for row in rows]) for name in names}
    written = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), written, compression="zstd")
    return written.getvalue()


def _column(values: Sequence[Any]) -> list[Any]:
    present = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in present):
        return list(values)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in present):
        is_whole = all(isinstance(value, int) and abs(value) < 2**63 for value in present)
        return list(values) if is_whole else [None if value is None else float(value) for value in values]
    return [
        None if value is None else value if isinstance(value, str) else orjson.dumps(value).decode() for value in values
    ]
