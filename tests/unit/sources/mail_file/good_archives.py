"""A good archive for tests/contract/test_sources.py."""

from tests.archives import mailbox

GOOD_ARCHIVES = {9010: mailbox}
FOREIGN = "holds no e-mail"
