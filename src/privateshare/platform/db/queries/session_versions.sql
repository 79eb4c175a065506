-- Find the sessions that apps wait for and whose version is another than the one given, each by its number in the
-- arrays. A version changes whenever the status of the session or its list of files may have changed. It is NULL if
-- there is no such session: it ended, or it moved to a library with the consent. Each change of a file increases the sum.
-- The files of a library are counted once, however many of its sessions are waited for.
WITH waiting AS MATERIALIZED (
    SELECT *
    FROM unnest(%(library_ids)s::uuid[], %(session_ids)s::uuid[], %(versions)s::text[])
        WITH ORDINALITY AS waiting (library_id, session_id, version, number)
), content AS MATERIALIZED (
    SELECT
        libraries.library_id,
        (SELECT sum(files.updated_at) FROM files WHERE files.library_id = libraries.library_id) AS files,
        pushed.number AS pushed_files,
        pushed.newest AS pushed_last
    FROM (SELECT DISTINCT waiting.library_id FROM waiting) AS libraries
    CROSS JOIN LATERAL (
        SELECT count(*) AS number, max(pushed_files.created_at) AS newest
        FROM pushed_files
        WHERE pushed_files.library_id = libraries.library_id
    ) AS pushed
)
SELECT waiting.number, current.version
FROM waiting
JOIN content ON content.library_id = waiting.library_id
LEFT JOIN LATERAL (
    SELECT ROW(
        sessions.started_at,
        sessions.ended_by,
        consents.revoked_at,
        md5(consents.choice::text),
        content.files,
        content.pushed_files,
        content.pushed_last,
        (
            SELECT count(*) FROM consent_accounts
            WHERE consent_accounts.library_id = sessions.library_id
                AND consent_accounts.consent_id = sessions.consent_id
        ),
        (
            SELECT count(syncs.finished_at) FROM session_syncs
            JOIN syncs ON syncs.library_id = session_syncs.library_id AND syncs.id = session_syncs.sync_id
            WHERE session_syncs.library_id = sessions.library_id AND session_syncs.session_id = sessions.id
        )
    )::text AS version
    FROM sessions
    LEFT JOIN consents ON consents.library_id = sessions.library_id AND consents.id = sessions.consent_id
    WHERE sessions.library_id = waiting.library_id AND sessions.id = waiting.session_id
) AS current ON true
WHERE current.version IS DISTINCT FROM waiting.version
