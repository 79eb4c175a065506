"""Drivers run flows: they send the requests that a flow yields, wait, and renew tokens."""
