"""What every archive is read through."""

import io

import pytest

from privateshare.sources import archive
from privateshare.sources.contract import Broken


def test_an_entry_without_end_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """One object that is larger than any export has is refused before all of it is in memory."""
    monkeypatch.setattr(archive, "MAX_ITEM_BYTES", archive.MEGABYTE)  # as it is, it takes seconds
    stream = io.BufferedReader(io.BytesIO(b'[{"text":"' + b"x" * (archive.MEGABYTE + 1) + b'"}]'))
    with pytest.raises(Broken, match="larger than any export has"):
        list(archive.json_items(stream, "item", "history.json"))
