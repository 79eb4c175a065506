-- List the files of the accounts that a consent covers. The files of one type of an account are one row: with a row for
-- each file, reading the rows would take most of the time of the call.
SELECT
    files.account_id, files.service_group, files.service_type, files.object_type,
    files.schema_standard, files.schema_version,
    array_agg(files.name), array_agg(files.updated_at), array_agg(files.object_count)
FROM consent_accounts
JOIN files ON files.library_id = consent_accounts.library_id AND files.account_id = consent_accounts.account_id
WHERE consent_accounts.library_id = %(library_id)s AND consent_accounts.consent_id = %(consent_id)s
GROUP BY
    files.account_id, files.service_group, files.service_type, files.object_type,
    files.schema_standard, files.schema_version
