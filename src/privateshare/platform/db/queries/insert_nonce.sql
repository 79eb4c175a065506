-- Store the nonce of a request with its status and sealed response. This waits for a transaction that is just storing
-- the same nonce, and fails if that is committed.
INSERT INTO nonces (client_id, nonce, fingerprint, expires_at, status, sealed_response)
VALUES (%(client_id)s, %(nonce)s, %(fingerprint)s, %(expires_at)s, %(status)s, %(sealed_response)s)
