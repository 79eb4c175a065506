"""Webhooks: telling apps what happened. Protocol 16."""
