-- Store an entry of the audit log. It gets its number later.
INSERT INTO audit_entries (id, log_id, created_at, content, digest)
VALUES (%(id)s, %(log_id)s, %(created_at)s, %(content)s, %(digest)s)
