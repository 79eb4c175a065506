"""A good archive for tests/contract/test_sources.py."""

from tests.archives import timeline

GOOD_ARCHIVES = {9004: timeline}
