"""Every call of the protocol as a flow, by chapter."""
