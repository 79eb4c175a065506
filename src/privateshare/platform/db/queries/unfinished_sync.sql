-- Find the sync of an account that is in progress. This waits for a transaction that is just ending it, so that nobody
-- joins a sync that has ended.
SELECT syncs.id
FROM syncs
WHERE syncs.library_id = %(library_id)s AND syncs.account_id = %(account_id)s AND syncs.finished_at IS NULL
FOR KEY SHARE
