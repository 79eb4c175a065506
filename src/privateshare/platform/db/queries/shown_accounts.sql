-- List the accounts that a consent covers, with what an app sees of them, the oldest first.
SELECT
    accounts.library_id, accounts.id, accounts.public_id, accounts.reference, accounts.source_id,
    accounts.service_type, accounts.service_group, accounts.type, accounts.sample, accounts.sealed_details,
    accounts.needs_login, accounts.created_at, accounts.updated_at
FROM consent_accounts
JOIN accounts ON accounts.library_id = consent_accounts.library_id AND accounts.id = consent_accounts.account_id
WHERE consent_accounts.library_id = %(library_id)s AND consent_accounts.consent_id = %(consent_id)s
ORDER BY accounts.number
