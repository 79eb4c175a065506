"""A good archive for tests/contract/test_sources.py."""

from tests.archives import viewing_activity

GOOD_ARCHIVES = {9007: viewing_activity}
FOREIGN = "holds no viewing activity"
