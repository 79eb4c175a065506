"""Permissions: applications, contracts, consents, tokens, and the journeys that lead to them."""
