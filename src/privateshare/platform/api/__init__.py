"""The API that apps use, with one module per chapter of the protocol."""
