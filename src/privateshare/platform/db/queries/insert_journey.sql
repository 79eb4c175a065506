-- Store a journey that an app begins.
INSERT INTO journeys (
    id, code_hash, contract_id, sealed_return, challenge, session_id, library_id, consent_id, account_id,
    linked_consent_id, account_ids, signed_in_ids, provisional, expires_at
)
VALUES (
    %(id)s, %(code_hash)s, %(contract_id)s, %(sealed_return)s, %(challenge)s, %(session_id)s, %(library_id)s,
    %(consent_id)s, %(account_id)s, %(linked_consent_id)s, '{}', '{}', false, %(expires_at)s
)
