"""A platform under load while its processes, its database and its store are killed, paused and made to fail."""
