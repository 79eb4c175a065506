"""A good archive for tests/contract/test_sources.py."""

from tests.archives import conversations

GOOD_ARCHIVES = dict.fromkeys((9005, 9006), conversations)
