"""The source Bluesky: an account at any server of the AT Protocol."""
