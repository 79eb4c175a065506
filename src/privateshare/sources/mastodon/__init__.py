"""The source Mastodon: an account at any server with its API."""
