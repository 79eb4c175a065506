"""The schema, read against the rules of Citus for tables that are distributed over several machines by library.

Each primary key and unique constraint must include the distribution column. A foreign key between distributed tables
must include it too, and may not change it. No distributed table may be referred to from elsewhere. What does not hold
yet is listed here with its reason, and in docs/scale.md. A new table or constraint that breaks one fails these tests.
"""

import re
from collections.abc import Iterator
from importlib.resources import files

from sqlalchemy import Table, UniqueConstraint

from privateshare.platform.db import queries
from privateshare.platform.db.tables import Base

# Small tables that every machine has a copy of, because statements about people join them.
REFERENCE_TABLES = {"partners", "applications", "contracts", "signing_keys", "certificate_authorities"}
# Tables of the platform as a whole, which stay on one machine. No statement joins them with those of people.
LOCAL_TABLES = {
    "alerts",
    "audit_entries",
    "audit_heads",
    "blobs_to_delete",
    "call_counts",
    "clock_readings",
    "hint_keys",
    "keys_to_destroy",
    "nonces",
    "passkey_challenges",
    "provider_lists",
    "providers",
    "references",
    "server_clients",
    "source_uses",
    "unjournaled",
    "usage_counts",
    "webhook_endpoints",
    "webhook_messages",
}
BEFORE_THE_PERSON = "it exists before anybody knows whose library it will be about"
# What does not hold yet, and why.
EXCEPTIONS = {
    "archives: refers to journeys by journey_id": BEFORE_THE_PERSON,
    "journeys: changes with libraries": BEFORE_THE_PERSON,
    "journeys: library_id may be missing": BEFORE_THE_PERSON,
    "journeys: primary key id": BEFORE_THE_PERSON,
    "journeys: unique browser_hash": BEFORE_THE_PERSON,
    "journeys: unique code_hash": BEFORE_THE_PERSON,
    "passkeys: unique credential_hash": "a passkey that another library has is refused",
    "previews: refers to journeys by journey_id": BEFORE_THE_PERSON,
    "storages: library_id may be missing": "an app has storages of no person",
    "storages: primary key id": "an app has storages of no person, and finds all by their ids",
    "stored_files: no library_id": "it belongs to a storage, which may be of no person",
    "stored_files: refers to storages by storage_id": "it belongs to a storage, which may be of no person",
}
# Named statements about people that do not name a library.
STATEMENTS_OF_SEVERAL_SHARDS = {
    "former_library": "it finds the library into which another one was moved",
    "session_versions": "it looks at all sessions for which requests wait, and names the library of each",
}


def distribution_column(table: Table) -> str | None:
    """Return the column by which a table is distributed: the id of the library."""
    if table.name == "libraries":
        return "id"
    return "library_id" if "library_id" in table.columns else None


def broken_rules(table: Table) -> Iterator[str]:
    """Return what keeps a table from being distributed by library."""
    if table.name in REFERENCE_TABLES | LOCAL_TABLES:
        yield from _references(table, None)
        return
    column = distribution_column(table)
    if column is None:
        yield f"{table.name}: no library_id"
    else:
        if table.columns[column].nullable:
            yield f"{table.name}: {column} may be missing"
        if column not in table.primary_key.columns:
            yield f"{table.name}: primary key {', '.join(table.primary_key.columns.keys())}"
        constraints = [one for one in table.constraints if isinstance(one, UniqueConstraint)]
        columns = [one.columns.keys() for one in constraints]
        columns += [index.columns.keys() for index in table.indexes if index.unique]
        yield from (f"{table.name}: unique {', '.join(names)}" for names in columns if column not in names)
    yield from _references(table, column)


def _references(table: Table, column: str | None) -> Iterator[str]:
    for key in table.foreign_key_constraints:
        target = key.referred_table
        if target.name in REFERENCE_TABLES or (target.name in LOCAL_TABLES and column is None):
            continue
        together = {(element.parent.name, element.column.name) for element in key.elements}
        if column in key.column_keys and (key.onupdate or key.ondelete == "SET NULL"):
            yield f"{table.name}: changes with {target.name}"
        if (column, distribution_column(target)) not in together:
            yield f"{table.name}: refers to {target.name} by {', '.join(key.column_keys)}"


def test_what_keeps_tables_from_being_distributed_is_known() -> None:
    """Whoever adds a table or a constraint distributes it by library, or says here why that cannot be."""
    found = {broken for table in Base.metadata.sorted_tables for broken in broken_rules(table)}
    assert found == set(EXCEPTIONS)


def test_statements_that_name_no_library_are_known() -> None:
    """All others touch the tables of one library, or none of people."""
    of_people = set(Base.metadata.tables) - REFERENCE_TABLES - LOCAL_TABLES
    found = set()
    for file in files(queries).iterdir():
        text = re.sub(r"--.*", "", file.read_text()) if file.name.endswith(".sql") else ""
        tables = set(re.findall(r"(?:FROM|JOIN|INTO|UPDATE)\s+\(?(\w+)", text))
        if tables & of_people and not re.search(r"%\((\w+_)?library_id\)s", text):
            found.add(file.name.removesuffix(".sql"))
    assert found == set(STATEMENTS_OF_SEVERAL_SHARDS)
