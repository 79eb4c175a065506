-- List the accounts that a consent covers, and whether each has a source to fetch from, or archives to import.
SELECT
    accounts.library_id, accounts.id, accounts.public_id, accounts.paused,
    accounts.needs_login OR accounts.sample IS NOT NULL OR accounts.sealed_credentials IS NOT NULL OR EXISTS (
        SELECT FROM archives
        WHERE archives.library_id = accounts.library_id AND archives.account_id = accounts.id
        AND NOT archives.imported AND archives.journey_id IS NULL
    )
FROM consent_accounts
JOIN accounts ON accounts.library_id = consent_accounts.library_id AND accounts.id = consent_accounts.account_id
WHERE consent_accounts.library_id = %(library_id)s AND consent_accounts.consent_id = %(consent_id)s
ORDER BY accounts.number
