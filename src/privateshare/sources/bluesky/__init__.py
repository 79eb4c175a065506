"""The source Bluesky: the repository of an account, or an account at any server of the AT Protocol."""
