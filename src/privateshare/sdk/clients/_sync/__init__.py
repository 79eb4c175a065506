# Generated from `sdk/clients/_async/__init__.py` by `make sync-client`. Do not edit.
"""The parts of the blocking client that apps use."""
