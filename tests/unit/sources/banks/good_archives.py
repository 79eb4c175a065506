"""A good archive for tests/contract/test_sources.py."""

from tests.archives import bank_statement

GOOD_ARCHIVES = dict.fromkeys((348, 422, 423, 428, 429), bank_statement)
FOREIGN = "holds no bank transactions|too long for a file of a bank"
