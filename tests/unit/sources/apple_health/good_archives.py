"""A good archive for tests/contract/test_sources.py."""

from tests.archives import health_export

GOOD_ARCHIVES = dict.fromkeys((260, 9002), health_export)
FOREIGN = "not an export of the Health app"
