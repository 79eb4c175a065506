-- Find a sync of a journey's previews that is running and began after a time. A person waits for it.
SELECT previews.sync_id
FROM previews
JOIN syncs ON syncs.library_id = previews.library_id AND syncs.id = previews.sync_id
WHERE previews.library_id = %(library_id)s AND previews.journey_id = %(journey_id)s
    AND syncs.library_id = %(library_id)s AND syncs.finished_at IS NULL AND syncs.created_at > %(after)s
LIMIT 1
