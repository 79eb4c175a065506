"""A good archive for tests/contract/test_sources.py."""

from tests.archives import social_export

GOOD_ARCHIVES = dict.fromkeys((1, 420), social_export)
