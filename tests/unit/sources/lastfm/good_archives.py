"""A good archive for tests/contract/test_sources.py."""

from tests.export_reading import table


def lastfm(plays: int) -> bytes:
    """A table with so many plays."""
    return table("scrobbles.csv", "artist,album,track,date", "Die Ärzte,An Album,Song {number},{moment}", plays)


GOOD_ARCHIVES = {9045: lastfm}
FOREIGN = "holds no data of"
