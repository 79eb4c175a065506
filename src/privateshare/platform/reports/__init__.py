"""Portability reports: documents with a person's data that they can take to another service."""
