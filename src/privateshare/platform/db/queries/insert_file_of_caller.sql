-- Store a file that an app pushed under the contract that `same_caller` finds, which is part of the same statement. This
-- fails if that finds nothing: then the file would have no contract.
INSERT INTO pushed_files (
    library_id, name, contract_id, created_at, sealed_metadata, blob, size, sealed_sha256, library_before
)
VALUES (
    %(library_id)s, %(name)s, (SELECT same_caller.contract_id FROM same_caller), %(created_at)s, %(sealed_metadata)s,
    %(blob)s, %(size)s, %(sealed_sha256)s, %(library_before)s
)
