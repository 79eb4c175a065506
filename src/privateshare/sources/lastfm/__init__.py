"""Last.fm and ListenBrainz: the plays that people exported."""
