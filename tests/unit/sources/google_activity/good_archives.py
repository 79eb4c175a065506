"""A good archive for tests/contract/test_sources.py."""

from tests.archives import watch_history

GOOD_ARCHIVES = {281: watch_history}
