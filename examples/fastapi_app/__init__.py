"""A web app whose visitors lend it their data."""
