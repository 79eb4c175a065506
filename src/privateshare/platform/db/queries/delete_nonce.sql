-- Forget the nonce of a request that changed nothing.
DELETE FROM nonces
WHERE client_id = %(client_id)s AND nonce = %(nonce)s
