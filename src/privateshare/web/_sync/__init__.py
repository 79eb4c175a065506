# Generated from `web/_async/__init__.py` by `make sync-client`. Do not edit.
"""The consent routes of web apps that block."""
