-- Find a nonce that was stored before, and lock it until the transaction ends.
SELECT fingerprint, status, sealed_response, expires_at
FROM nonces
WHERE client_id = %(client_id)s AND nonce = %(nonce)s
FOR UPDATE
