-- Find out whether a library was moved into another one.
SELECT former_libraries.id
FROM former_libraries
WHERE former_libraries.id = %(id)s
