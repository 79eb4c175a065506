"""Storage for blobs: encryption, reading and writing as streams, on local disk or in an object store."""
