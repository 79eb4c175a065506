"""A good archive for tests/contract/test_sources.py."""

from tests.export_reading import table


def messages(number: int) -> bytes:
    """An export with so many messages."""
    header = "CONVERSATION ID,CONVERSATION TITLE,FROM,TO,DATE,CONTENT"
    return table("messages.csv", header, "c1,,Ann,Ben,{moment} UTC,Hi {number}", number)


GOOD_ARCHIVES = {9030: messages}
FOREIGN = "holds no data of"
