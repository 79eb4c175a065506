-- Start a sync of an account, unless one is in progress.
INSERT INTO syncs (library_id, id, account_id, by_person)
VALUES (%(library_id)s, %(id)s, %(account_id)s, false)
ON CONFLICT DO NOTHING
RETURNING id
