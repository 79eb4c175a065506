-- Find a refresh token of a contract, its consent with the wrapped key of its library, and the id by which the
-- contract's partner knows the person.
SELECT
    tokens.family_id, tokens.expires_at, tokens.rotated_at, tokens.revoked_at,
    consents.id, consents.library_id, consents.expires_at, consents.revoked_at,
    coalesce(
        consents.sub,
        (
            SELECT library_partners.sub FROM library_partners
            WHERE library_partners.library_id = consents.library_id
            AND library_partners.partner_id = applications.partner_id
        )
    ),
    libraries.wrapped_key
FROM tokens
JOIN consents ON consents.library_id = tokens.library_id AND consents.id = tokens.consent_id
JOIN libraries ON libraries.id = tokens.library_id
JOIN contracts ON contracts.id = consents.contract_id
JOIN applications ON applications.id = contracts.application_id
WHERE tokens.library_id = %(refresh_library_id)s AND tokens.token_hash = %(refresh_hash)s AND tokens.use = 'refresh'
AND consents.contract_id = %(contract_id)s
