-- Store a session under the consent that `lock_consent_of_caller` finds, which is part of the same statement. This fails if
-- that finds nothing: then the session would have no contract.
INSERT INTO sessions (
    library_id, id, key_hash, contract_id, consent_id, options, sealed_criteria, created_at, started_at, expires_at
)
VALUES (
    %(library_id)s, %(id)s, %(key_hash)s, (SELECT lock_consent_of_caller.contract_id FROM lock_consent_of_caller),
    %(consent_id)s, %(options)s, %(sealed_criteria)s, %(created_at)s, %(started_at)s, %(expires_at)s
)
