"""The two clients. `_async` is written by hand, and `scripts/sync_client.py` makes `_sync` from it."""
