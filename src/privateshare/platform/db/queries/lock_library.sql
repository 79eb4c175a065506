-- Lock a library against erasure until the transaction ends.
SELECT libraries.id
FROM libraries
WHERE libraries.id = %(library_id)s
FOR KEY SHARE
