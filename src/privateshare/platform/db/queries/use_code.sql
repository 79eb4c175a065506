-- Mark a code as used by the first tokens of a family.
UPDATE authorization_codes
SET used_at = %(now)s, family_id = %(family_id)s
WHERE library_id = %(library_id)s AND code_hash = %(code_hash)s
