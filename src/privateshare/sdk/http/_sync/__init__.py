# Generated from `sdk/http/_async/__init__.py` by `make sync-client`. Do not edit.
"""The transport of the blocking client."""
