-- Find the library into which a library was moved.
SELECT former_libraries.library_id
FROM former_libraries
WHERE former_libraries.id = %(id)s
