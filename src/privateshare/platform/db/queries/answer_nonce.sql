-- Store the status and the sealed response of a request with its nonce.
UPDATE nonces
SET status = %(status)s, sealed_response = %(sealed_response)s
WHERE client_id = %(client_id)s AND nonce = %(nonce)s
