-- Return the id by which a partner knows a person. If there is none yet, it is the new one.
INSERT INTO library_partners (library_id, partner_id, sub)
VALUES (%(library_id)s, %(partner_id)s, %(sub)s)
ON CONFLICT (library_id, partner_id) DO UPDATE SET library_id = excluded.library_id
RETURNING sub
