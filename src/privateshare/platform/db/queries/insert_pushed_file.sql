-- Store a file that an app pushed.
INSERT INTO pushed_files (
    library_id, name, contract_id, created_at, sealed_metadata, blob, size, sealed_sha256, library_before
)
VALUES (
    %(library_id)s, %(name)s, %(contract_id)s, %(created_at)s, %(sealed_metadata)s, %(blob)s, %(size)s,
    %(sealed_sha256)s, %(library_before)s
)
