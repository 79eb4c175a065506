-- Find the endpoints of webhooks to tell that a session waits for no sync any more, with what they are told.
SELECT
    webhook_endpoints.id, coalesce(consents.sub, library_partners.sub), consents.id::text, consents.contract_id
FROM sessions
JOIN webhook_endpoints ON webhook_endpoints.contract_id = sessions.contract_id
JOIN consents
    ON consents.library_id = sessions.library_id AND consents.id = sessions.consent_id AND consents.revoked_at IS NULL
JOIN contracts ON contracts.id = consents.contract_id
JOIN applications ON applications.id = contracts.application_id
JOIN library_partners
    ON library_partners.partner_id = applications.partner_id AND library_partners.library_id = consents.library_id
WHERE sessions.library_id = %(library_id)s AND sessions.id = ANY(%(session_ids)s)
AND NOT EXISTS (
    SELECT FROM session_syncs
    JOIN syncs ON syncs.library_id = session_syncs.library_id AND syncs.id = session_syncs.sync_id
    WHERE session_syncs.library_id = sessions.library_id AND session_syncs.session_id = sessions.id
    AND syncs.finished_at IS NULL
)
