"""A person's library: accounts, files, keys, erasure."""
