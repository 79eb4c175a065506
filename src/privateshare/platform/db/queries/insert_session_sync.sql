-- Let a session wait for a sync.
INSERT INTO session_syncs (session_id, sync_id, library_id)
VALUES (%(session_id)s, %(sync_id)s, %(library_id)s)
