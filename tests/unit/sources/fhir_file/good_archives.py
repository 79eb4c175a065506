"""A good archive for tests/contract/test_sources.py."""

from tests.archives import small_record, zipped


def record(values: int) -> bytes:
    """A zip with a record of so many values."""
    return zipped({"record.json": small_record(values)})


GOOD_ARCHIVES = {9001: record}
