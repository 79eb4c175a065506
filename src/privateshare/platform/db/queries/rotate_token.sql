-- Note that a refresh token was replaced, unless it was before.
UPDATE tokens
SET rotated_at = %(now)s
WHERE library_id = %(library_id)s AND token_hash = %(token_hash)s AND rotated_at IS NULL
