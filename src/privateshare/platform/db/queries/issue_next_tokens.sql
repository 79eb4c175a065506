-- Store the pair of tokens that replaces the refresh token of `rotate_token`, which is part of the same statement. This
-- fails if that finds no token: then the pair would have no consent.
INSERT INTO tokens (library_id, token_hash, use, consent_id, family_id, expires_at)
VALUES
    (
        %(library_id)s, %(access_hash)s, 'access', (SELECT rotate_token.consent_id FROM rotate_token),
        %(family_id)s, %(access_expires_at)s
    ),
    (
        %(library_id)s, %(refresh_hash)s, 'refresh', (SELECT rotate_token.consent_id FROM rotate_token),
        %(family_id)s, %(refresh_expires_at)s
    )
