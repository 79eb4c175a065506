-- Find the rows that decide whether a call is allowed, each with its version: the contract with its application, the
-- access token with its consent, and the session, which has no library before the consent. Of the library of the consent
-- find the wrapped key, and the accounts. Find out whether the nonce was used before.
SELECT
    contracts.xmin::text || ' ' || applications.xmin::text || ' ' || partners.xmin::text,
    tokens.xmin::text || ' ' || consents.xmin::text,
    sessions.xmin::text,
    libraries.wrapped_key,
    ARRAY(SELECT accounts.id FROM accounts WHERE accounts.library_id = libraries.id),
    EXISTS (
        SELECT FROM nonces
        WHERE nonces.client_id = contracts.application_id || '_' || contracts.id AND nonces.nonce = %(nonce)s
    ),
    consents.id AS consent_id,
    tokens.library_id AS library_id,
    sessions.id AS session_id
FROM contracts
JOIN applications ON applications.id = contracts.application_id
JOIN partners ON partners.id = applications.partner_id
LEFT JOIN (
    tokens
    JOIN consents ON consents.library_id = tokens.library_id AND consents.id = tokens.consent_id
    JOIN libraries ON libraries.id = tokens.library_id
)
    ON tokens.library_id = %(library_id)s AND tokens.token_hash = %(token_hash)s AND tokens.use = 'access'
    AND consents.contract_id = contracts.id
LEFT JOIN sessions
    ON sessions.library_id IN (%(library_id)s, '00000000-0000-0000-0000-000000000000')
    AND sessions.key_hash = %(session_hash)s AND sessions.contract_id = contracts.id
WHERE contracts.id = %(contract_id)s
