-- Find the contract and the consent of a caller, if contract, token and consent have the versions that were found before,
-- and lock the library against erasure and the consent against any use until the transaction ends. If any of them was
-- changed or is locked, or the contract has endpoints of webhooks, nothing is found. This does not wait.
SELECT contracts.id AS contract_id, consents.id AS consent_id, consents.used_at AS used_at
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
AND NOT EXISTS (SELECT FROM webhook_endpoints WHERE webhook_endpoints.contract_id = contracts.id)
FOR KEY SHARE OF libraries SKIP LOCKED
FOR NO KEY UPDATE OF consents SKIP LOCKED
