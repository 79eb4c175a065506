-- Find the file of this name, if it is of an account that a consent covers.
SELECT
    files.account_id, files.name, files.service_group, files.service_type, files.object_type,
    files.month, files.schema_standard, files.schema_version, files.object_count, files.updated_at, files.blob,
    files.size, files.sealed_sha256, files.sealed_dates
FROM consent_accounts
JOIN files ON files.library_id = consent_accounts.library_id AND files.account_id = consent_accounts.account_id
WHERE consent_accounts.library_id = %(library_id)s AND consent_accounts.consent_id = %(consent_id)s
AND files.name = %(name)s
