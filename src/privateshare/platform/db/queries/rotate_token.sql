-- Note that a refresh token was replaced, unless it was before. Until the transaction ends, its family is locked first, so
-- that nobody revokes it before the tokens are stored that replace this one, and then its consent, so that it stays in
-- its library. If the token was revoked or the consent was moved, nothing is found.
UPDATE tokens
SET rotated_at = coalesce(rotated_at, %(now)s)
WHERE (
    SELECT consents.id
    FROM consents
    WHERE (SELECT pg_advisory_xact_lock(hashtextextended(%(family_id)s::uuid::text, 0))::text) IS NOT NULL
    AND consents.library_id = %(library_id)s AND consents.id = %(consent_id)s
    FOR KEY SHARE
) IS NOT NULL
AND library_id = %(library_id)s AND token_hash = %(token_hash)s AND revoked_at IS NULL
RETURNING consent_id
