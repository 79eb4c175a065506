"""The engine of sources with a JSON API over HTTP: requests, paging, positions, and what all such sources do alike."""
