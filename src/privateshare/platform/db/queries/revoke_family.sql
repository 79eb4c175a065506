-- Revoke all tokens of a family, which must be locked.
UPDATE tokens
SET revoked_at = %(now)s
WHERE library_id = %(library_id)s AND family_id = %(family_id)s
