"""Bytes at rest: sealed, stored, streamed. Knows nothing of what they mean."""
