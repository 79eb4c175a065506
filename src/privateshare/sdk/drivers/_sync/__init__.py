# Generated from `sdk/drivers/_async/__init__.py` by `make sync-client`. Do not edit.
"""The driver of the blocking client."""
