-- Store a session.
INSERT INTO sessions (
    library_id, id, key_hash, contract_id, consent_id, options, sealed_criteria, created_at, started_at, expires_at
)
VALUES (
    %(library_id)s, %(id)s, %(key_hash)s, %(contract_id)s, %(consent_id)s, %(options)s, %(sealed_criteria)s,
    %(created_at)s, %(started_at)s, %(expires_at)s
)
