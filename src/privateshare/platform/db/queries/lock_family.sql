-- Lock a family of tokens until the transaction ends.
SELECT pg_advisory_xact_lock(hashtextextended(%(family_id)s::uuid::text, 0))::text
