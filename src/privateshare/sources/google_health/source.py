"""Google Health: it has a sign-in only, beside the exports of the source Fitbit. See `live.py`."""

from collections.abc import Sequence

from privateshare.sources.contract import Source

SOURCES: Sequence[Source] = ()
