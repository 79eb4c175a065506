-- Store a session, or what starts it if it is there.
INSERT INTO sessions (
    id, key_hash, contract_id, consent_id, library_id, options, sealed_criteria, created_at, started_at, expires_at
)
VALUES (
    %(id)s, %(key_hash)s, %(contract_id)s, %(consent_id)s, %(library_id)s, %(options)s, %(sealed_criteria)s,
    %(created_at)s, %(started_at)s, %(expires_at)s
)
ON CONFLICT (id) DO UPDATE
SET consent_id = excluded.consent_id, library_id = excluded.library_id, started_at = excluded.started_at
