"""A good archive for tests/contract/test_sources.py."""

from tests.archives import post_archive

GOOD_ARCHIVES = {2: post_archive}
