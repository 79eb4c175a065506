-- Store the nonce of a request that has no response yet, unless it is there. This waits for a transaction that is just
-- storing the same nonce.
INSERT INTO nonces (client_id, nonce, fingerprint, expires_at)
VALUES (%(client_id)s, %(nonce)s, %(fingerprint)s, %(expires_at)s)
ON CONFLICT DO NOTHING
RETURNING fingerprint, status, sealed_response, expires_at
