"""The wire API: one module per chapter of the protocol."""
