-- Find the contract of a caller, if its contract, token and consent have the versions that were found before, and lock its
-- library against erasure until the transaction ends. If any of them was changed, or the library is being erased, nothing
-- is found. This does not wait.
SELECT contracts.id AS contract_id
FROM contracts
JOIN applications ON applications.id = contracts.application_id
JOIN partners ON partners.id = applications.partner_id
JOIN tokens ON tokens.library_id = %(library_id)s AND tokens.token_hash = %(token_hash)s
JOIN consents
    ON consents.library_id = tokens.library_id AND consents.id = tokens.consent_id
    AND consents.contract_id = contracts.id
JOIN libraries ON libraries.id = tokens.library_id
WHERE contracts.id = %(contract_id)s
AND contracts.xmin::text || ' ' || applications.xmin::text || ' ' || partners.xmin::text = %(contract_version)s
AND tokens.xmin::text || ' ' || consents.xmin::text = %(token_version)s
FOR KEY SHARE OF libraries SKIP LOCKED
