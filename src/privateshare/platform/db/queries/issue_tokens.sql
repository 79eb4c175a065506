-- Store a pair of tokens.
INSERT INTO tokens (library_id, token_hash, use, consent_id, family_id, expires_at)
VALUES
    (%(library_id)s, %(access_hash)s, 'access', %(consent_id)s, %(family_id)s, %(access_expires_at)s),
    (%(library_id)s, %(refresh_hash)s, 'refresh', %(consent_id)s, %(family_id)s, %(refresh_expires_at)s)
