"""Every call of the protocol as a flow, one module for each chapter."""
