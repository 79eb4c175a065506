-- Lock a library against erasure, and then a consent in it, until the transaction ends, and mark the consent as used.
-- Return it as it was before, and whether its contract has endpoints of webhooks. The time of use is kept to the minute,
-- so that what processes remember of the consent stays valid while an app reads often.
WITH library AS MATERIALIZED (
    SELECT libraries.id
    FROM libraries
    WHERE libraries.id = %(library_id)s
    FOR KEY SHARE
), found AS (
    SELECT library_id, id, contract_id, expires_at, revoked_at, used_at, once
    FROM consents
    WHERE (SELECT library.id FROM library) IS NOT NULL AND library_id = %(library_id)s AND id = %(consent_id)s
    FOR NO KEY UPDATE
), used AS (
    UPDATE consents
    SET used_at = %(now)s
    FROM found
    WHERE consents.library_id = found.library_id AND consents.id = found.id
    AND (found.used_at IS NULL OR found.used_at < %(now)s - interval '1 minute')
)
SELECT
    expires_at, revoked_at, used_at, once,
    EXISTS (SELECT FROM webhook_endpoints WHERE webhook_endpoints.contract_id = found.contract_id)
FROM found
