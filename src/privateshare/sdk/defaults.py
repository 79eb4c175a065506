"""Default values of the clients' parameters."""

from privateshare.protocol.addresses import API_PATH, DEFAULT_ORIGIN

TIMEOUT_SECONDS = 60.0
"""Longer than a platform holds the response of a long poll (protocol 6.7)."""
RETRIES = 2
PARALLEL_DOWNLOADS = 16
DEFAULT_BASE_URL = DEFAULT_ORIGIN + API_PATH
