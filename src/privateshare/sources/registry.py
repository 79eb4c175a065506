"""The sources that this version knows."""

from collections.abc import Mapping
from functools import cache

from privateshare.sources.contract import Source
from privateshare.sources.fhir_file.source import FhirFile
from privateshare.sources.spotify.source import Spotify


@cache
def all_sources() -> Mapping[int, Source]:
    """Every source by its id."""
    sources: tuple[Source, ...] = (Spotify(), FhirFile())
    return {source.info.id: source for source in sources}
