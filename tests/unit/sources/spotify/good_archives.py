"""A good archive for tests/contract/test_sources.py."""

from tests.archives import play, spotify_zip


def history(plays: int) -> bytes:
    """An extended streaming history with so many plays."""
    return spotify_zip([play(number) for number in range(plays)])


GOOD_ARCHIVES = {16: history}
