-- List the syncs that a session waits for, each with its account. A join of the accounts would be slow: PostgreSQL may
-- choose to join each account with each sync of the library.
SELECT
    syncs.account_id,
    (SELECT public_id FROM accounts WHERE accounts.library_id = syncs.library_id AND accounts.id = syncs.account_id),
    (SELECT service_group FROM accounts WHERE accounts.library_id = syncs.library_id AND accounts.id = syncs.account_id),
    (SELECT service_type FROM accounts WHERE accounts.library_id = syncs.library_id AND accounts.id = syncs.account_id),
    syncs.outcome,
    syncs.error
FROM session_syncs
JOIN syncs ON syncs.library_id = session_syncs.library_id AND syncs.id = session_syncs.sync_id
WHERE session_syncs.session_id = %(session_id)s AND session_syncs.library_id = %(library_id)s
