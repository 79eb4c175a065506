-- Lock the family of a token until the transaction ends, if there is such a token.
SELECT pg_advisory_xact_lock(hashtextextended(tokens.family_id::text, 0))::text
FROM tokens
WHERE tokens.library_id = %(library_id)s AND tokens.token_hash = %(token_hash)s
