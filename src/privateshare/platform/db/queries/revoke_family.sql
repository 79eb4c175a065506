-- Revoke all tokens of a family, which must be locked.
UPDATE tokens
SET revoked_at = %(now)s
WHERE family_id = %(family_id)s
