"""Letterboxd, Trakt and IMDb: what people watched and rated."""
