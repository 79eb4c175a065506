"""A good archive for tests/contract/test_sources.py."""

from tests.archives import exported_chat

GOOD_ARCHIVES = {9003: exported_chat}
FOREIGN = "holds no chat of WhatsApp"
