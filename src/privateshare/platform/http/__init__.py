"""The HTTP layer of all requests: ids, limits, bodies, authentication headers, streaming, and error responses."""
