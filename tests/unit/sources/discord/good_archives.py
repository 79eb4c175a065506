"""A good archive for tests/contract/test_sources.py."""

from tests.export_reading import table


def messages(number: int) -> bytes:
    """A package with so many messages."""
    return table("messages/c100001/messages.csv", "ID,Timestamp,Contents,Attachments", "{number},{moment},Hi,", number)


GOOD_ARCHIVES = {9047: messages}
FOREIGN = "holds no data of"
