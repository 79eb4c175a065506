"""Erasure keys: small secrets outside of the database, so that destroying one leaves no copy behind."""
