"""The source Mastodon: the archive of an account, or a sign-in at any server with its API."""
