-- Find the wrapped key of a library, and its accounts.
SELECT libraries.wrapped_key, ARRAY(SELECT accounts.id FROM accounts WHERE accounts.library_id = libraries.id)
FROM libraries
WHERE libraries.id = %(library_id)s
