"""Keys and secrets: the master key, wrapped keys, signing keys, certificates, random ids and secrets."""
