-- Find the wrapped key of a library, once for each of its accounts; a library without accounts has one row.
SELECT libraries.wrapped_key, accounts.id
FROM libraries
LEFT JOIN accounts ON accounts.library_id = libraries.id
WHERE libraries.id = %(library_id)s
