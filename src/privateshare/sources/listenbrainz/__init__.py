"""The source ListenBrainz."""
