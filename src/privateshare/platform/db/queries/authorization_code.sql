-- Find and lock a code of a contract, its consent, and the id by which the contract's partner knows the person. The
-- consent stays in its library until the transaction ends.
SELECT
    authorization_codes.challenge, authorization_codes.expires_at, authorization_codes.used_at,
    authorization_codes.family_id,
    consents.id, consents.library_id, consents.expires_at, consents.revoked_at,
    coalesce(
        consents.sub,
        (
            SELECT library_partners.sub FROM library_partners
            WHERE library_partners.library_id = consents.library_id
            AND library_partners.partner_id = applications.partner_id
        )
    )
FROM authorization_codes
JOIN consents
    ON consents.library_id = authorization_codes.library_id AND consents.id = authorization_codes.consent_id
JOIN contracts ON contracts.id = consents.contract_id
JOIN applications ON applications.id = contracts.application_id
WHERE authorization_codes.library_id = %(library_id)s AND authorization_codes.code_hash = %(code_hash)s
AND consents.contract_id = %(contract_id)s
FOR KEY SHARE OF consents
FOR UPDATE OF authorization_codes
