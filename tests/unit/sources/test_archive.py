"""What every archive is read through."""

import io

import pytest

from privateshare.sources.archive import MAX_ITEM_BYTES, json_items
from privateshare.sources.contract import Broken


def test_an_entry_without_end_is_not_held() -> None:
    """One object that is larger than any export has is refused before all of it is in memory."""
    stream = io.BufferedReader(io.BytesIO(b'[{"text":"' + b"x" * (MAX_ITEM_BYTES + 1) + b'"}]'))
    with pytest.raises(Broken, match="larger than any export has"):
        list(json_items(stream, "item", "history.json"))
