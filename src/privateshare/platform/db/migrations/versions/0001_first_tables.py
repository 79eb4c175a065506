"""The first tables: those of version 0.1.0."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "alerts",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("found", sa.String(), nullable=False),
        sa.Column("advice", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("subject", name=op.f("alerts_pkey")),
    )
    op.create_table(
        "audit_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("log_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("link", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_entries_pkey")),
        sa.UniqueConstraint("number", name=op.f("audit_entries_number_key")),
    )
    op.create_index(
        op.f("audit_entries_log_id_created_at_idx"), "audit_entries", ["log_id", "created_at"], unique=False
    )
    op.create_index(
        "audit_entries_waiting_idx",
        "audit_entries",
        ["created_at", "id"],
        unique=False,
        postgresql_where="number IS NULL",
    )
    op.create_table(
        "audit_heads",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("signed", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("audit_heads_pkey")),
    )
    op.create_table(
        "blobs_to_delete",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("blobs_to_delete_pkey")),
    )
    op.create_table(
        "call_counts",
        sa.Column("caller", sa.LargeBinary(), nullable=False),
        sa.Column("minute", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("caller", "minute", name=op.f("call_counts_pkey")),
        prefixes=["UNLOGGED"],
    )
    op.create_index(op.f("call_counts_minute_idx"), "call_counts", ["minute"], unique=False)
    op.create_table(
        "certificate_authorities",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sealed_private_key", sa.LargeBinary(), nullable=False),
        sa.Column("certificate", sa.String(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("certificate_authorities_pkey")),
    )
    op.create_table(
        "clock_readings",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("doubted_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("doubted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("clock_readings_pkey")),
    )
    op.create_table(
        "hint_keys",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("hint_keys_pkey")),
    )
    op.create_table(
        "keys_to_destroy",
        sa.Column("name", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("keys_to_destroy_pkey")),
    )
    op.create_table(
        "libraries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("log_id", sa.Uuid(), nullable=False),
        sa.Column("last_account_number", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("libraries_pkey")),
    )
    op.create_index(op.f("libraries_log_id_idx"), "libraries", ["log_id"], unique=False)
    op.create_table(
        "nonces",
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("sealed_response", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "nonce", name=op.f("nonces_pkey")),
    )
    op.create_index(op.f("nonces_expires_at_idx"), "nonces", ["expires_at"], unique=False)
    op.create_table(
        "partners",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("partners_pkey")),
    )
    op.create_table(
        "passkey_challenges",
        sa.Column("bound_hash", sa.LargeBinary(), nullable=False),
        sa.Column("challenge", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("bound_hash", name=op.f("passkey_challenges_pkey")),
    )
    op.create_index(op.f("passkey_challenges_expires_at_idx"), "passkey_challenges", ["expires_at"], unique=False)
    op.create_table(
        "provider_lists",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column(
            "imported_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("provider_lists_pkey")),
    )
    op.create_table(
        "server_clients",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("server", sa.String(), nullable=False),
        sa.Column("redirect_uri", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=False),
        sa.Column("sealed_client", sa.LargeBinary(), nullable=False),
        sa.Column(
            "registered_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("server_clients_pkey")),
        sa.UniqueConstraint(
            "source_id", "server", "redirect_uri", name=op.f("server_clients_source_id_server_redirect_uri_key")
        ),
    )
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.String(), nullable=False),
        sa.Column("sealed_private_key", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("active_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("kid", name=op.f("signing_keys_pkey")),
    )
    op.create_table(
        "source_uses",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("seconds", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "seconds", name=op.f("source_uses_pkey")),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "unjournaled",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", name=op.f("unjournaled_pkey")),
    )
    op.create_table(
        "accounts",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("service_type", sa.Integer(), nullable=False),
        sa.Column("service_group", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("sample", sa.String(), nullable=True),
        sa.Column("identity_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_details", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_credentials", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_cursors", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_imports", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_medmij_requests", sa.LargeBinary(), nullable=True),
        sa.Column("needs_login", sa.Boolean(), nullable=False),
        sa.Column("unproven_on", sa.Uuid(), nullable=True),
        sa.Column("signed_in", sa.Boolean(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("undecided", sa.Boolean(), nullable=False),
        sa.Column("emptied_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name=op.f("accounts_library_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("library_id", "id", name=op.f("accounts_pkey")),
        sa.UniqueConstraint("library_id", "public_id", name=op.f("accounts_library_id_public_id_key")),
        sa.UniqueConstraint("library_id", "reference", name=op.f("accounts_library_id_reference_key")),
        sa.UniqueConstraint(
            "library_id", "source_id", "identity_hash", name=op.f("accounts_library_id_source_id_identity_hash_key")
        ),
    )
    op.create_table(
        "applications",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"], name=op.f("applications_partner_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("applications_pkey")),
    )
    op.create_table(
        "browsers",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("previous_hash", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_description", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "rotated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("used_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed_sign_in", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name=op.f("browsers_library_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("library_id", "id", name=op.f("browsers_pkey")),
    )
    op.create_table(
        "exports",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("blob", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("files_done", sa.Integer(), nullable=False),
        sa.Column("files_total", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name=op.f("exports_library_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("library_id", "id", name=op.f("exports_pkey")),
    )
    op.create_index(op.f("exports_blob_idx"), "exports", ["blob"], unique=False)
    op.create_table(
        "former_libraries",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("log_id", sa.Uuid(), nullable=False),
        sa.Column("sealed_log_key", sa.LargeBinary(), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name=op.f("former_libraries_library_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("library_id", "id", name=op.f("former_libraries_pkey")),
    )
    op.create_index(op.f("former_libraries_id_idx"), "former_libraries", ["id"], unique=False)
    op.create_index(op.f("former_libraries_log_id_idx"), "former_libraries", ["log_id"], unique=False)
    op.create_table(
        "library_partners",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("sub", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name=op.f("library_partners_library_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["partner_id"], ["partners.id"], name=op.f("library_partners_partner_id_fkey")),
        sa.PrimaryKeyConstraint("library_id", "partner_id", name=op.f("library_partners_pkey")),
    )
    op.create_index(op.f("library_partners_sub_idx"), "library_partners", ["sub"], unique=False)
    op.create_table(
        "merges",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("other_browser_id", sa.Uuid(), nullable=False),
        sa.Column("files_done", sa.Integer(), nullable=False),
        sa.Column("files_total", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name=op.f("merges_library_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("library_id", "id", name=op.f("merges_pkey")),
    )
    op.create_index(op.f("merges_other_id_idx"), "merges", ["other_id"], unique=False)
    op.create_table(
        "passkeys",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("credential_hash", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_credential", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name=op.f("passkeys_library_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("library_id", "id", name=op.f("passkeys_pkey")),
        sa.UniqueConstraint("credential_hash", name=op.f("passkeys_credential_hash_key")),
    )
    op.create_table(
        "providers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("list_name", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("server", sa.String(), nullable=False),
        sa.Column("words", sa.ARRAY(sa.String()), nullable=False),
        sa.Column(
            "searched", postgresql.TSVECTOR(), sa.Computed("array_to_tsvector(words)", persisted=True), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["list_name"], ["provider_lists.name"], name=op.f("providers_list_name_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("providers_pkey")),
    )
    op.create_index(op.f("providers_list_name_idx"), "providers", ["list_name"], unique=False)
    op.create_index(op.f("providers_searched_idx"), "providers", ["searched"], unique=False, postgresql_using="gin")
    op.create_table(
        "receipts",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name=op.f("receipts_library_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("library_id", "id", name=op.f("receipts_pkey")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name=op.f("recovery_codes_library_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("library_id", name=op.f("recovery_codes_pkey")),
    )
    op.create_index(op.f("recovery_codes_code_hash_idx"), "recovery_codes", ["code_hash"], unique=False)
    op.create_table(
        "contracts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("application_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("previous_public_key", sa.String(), nullable=True),
        sa.Column("previous_key_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("redirect_uris", sa.ARRAY(sa.String()), nullable=False),
        sa.Column("once", sa.Boolean(), nullable=False),
        sa.Column("legacy", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["application_id"], ["applications.id"], name=op.f("contracts_application_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("contracts_pkey")),
    )
    op.create_index(op.f("contracts_application_id_idx"), "contracts", ["application_id"], unique=False)
    op.create_table(
        "files",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("service_group", sa.Integer(), nullable=False),
        sa.Column("service_type", sa.Integer(), nullable=False),
        sa.Column("object_type", sa.Integer(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=True),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("schema_standard", sa.String(), nullable=False),
        sa.Column("schema_version", sa.String(), nullable=False),
        sa.Column("object_count", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("blob", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sealed_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_dates", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_origins", sa.LargeBinary(), nullable=True),
        sa.Column("lost", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["library_id", "account_id"],
            ["accounts.library_id", "accounts.id"],
            name=op.f("files_library_id_account_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("library_id", "id", name=op.f("files_pkey")),
        sa.UniqueConstraint("library_id", "name", name=op.f("files_library_id_name_key")),
    )
    op.create_index(op.f("files_blob_idx"), "files", ["blob"], unique=False)
    op.create_index(
        op.f("files_library_id_account_id_object_type_idx"),
        "files",
        ["library_id", "account_id", "object_type"],
        unique=False,
    )
    op.create_table(
        "syncs",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("by_person", sa.Boolean(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["library_id", "account_id"],
            ["accounts.library_id", "accounts.id"],
            name=op.f("syncs_library_id_account_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("library_id", "id", name=op.f("syncs_pkey")),
    )
    op.create_index(
        "syncs_unfinished_key",
        "syncs",
        ["library_id", "account_id"],
        unique=True,
        postgresql_where="finished_at IS NULL",
    )
    op.create_table(
        "consents",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("document", postgresql.JSONB(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("unproven", sa.Boolean(), nullable=False),
        sa.Column("choice", postgresql.JSONB(), nullable=False),
        sa.Column("sub", sa.String(), nullable=True),
        sa.Column("library_before", sa.Uuid(), nullable=True),
        sa.Column("once", sa.Boolean(), nullable=False),
        sa.Column("deletion_asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deletion_confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name=op.f("consents_contract_id_fkey")),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name=op.f("consents_library_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("library_id", "id", name=op.f("consents_pkey")),
    )
    op.create_index(op.f("consents_contract_id_idx"), "consents", ["contract_id"], unique=False)
    op.create_index(op.f("consents_id_idx"), "consents", ["id"], unique=False)
    op.create_table(
        "journeys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=True),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("library_id", sa.Uuid(), nullable=True),
        sa.Column("consent_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("linked_consent_id", sa.Uuid(), nullable=True),
        sa.Column("sealed_return", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_parameters", sa.LargeBinary(), nullable=True),
        sa.Column("challenge", sa.String(), nullable=True),
        sa.Column("account_ids", sa.ARRAY(sa.String()), nullable=False),
        sa.Column("signed_in_ids", sa.ARRAY(sa.String()), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("proof", sa.String(), nullable=True),
        sa.Column("sealed_draft", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_outcome", sa.LargeBinary(), nullable=True),
        sa.Column("sealed_sign_in", sa.LargeBinary(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name=op.f("journeys_contract_id_fkey")),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name=op.f("journeys_library_id_fkey"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("journeys_pkey")),
        sa.UniqueConstraint("browser_hash", name=op.f("journeys_browser_hash_key")),
        sa.UniqueConstraint("code_hash", name=op.f("journeys_code_hash_key")),
    )
    op.create_index(op.f("journeys_expires_at_idx"), "journeys", ["expires_at"], unique=False)
    op.create_index(op.f("journeys_library_id_idx"), "journeys", ["library_id"], unique=False)
    op.create_table(
        "pushed_files",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Uuid(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("sealed_metadata", sa.LargeBinary(), nullable=False),
        sa.Column("blob", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sealed_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("library_before", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name=op.f("pushed_files_contract_id_fkey")),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name=op.f("pushed_files_library_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("library_id", "name", name=op.f("pushed_files_pkey")),
    )
    op.create_index(op.f("pushed_files_blob_idx"), "pushed_files", ["blob"], unique=False)
    op.create_table(
        "references",
        sa.Column("handle_hash", sa.LargeBinary(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name=op.f("references_contract_id_fkey")),
        sa.PrimaryKeyConstraint("handle_hash", name=op.f("references_pkey")),
    )
    op.create_index(op.f("references_expires_at_idx"), "references", ["expires_at"], unique=False)
    op.create_table(
        "storages",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("application_id", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("library_id", sa.Uuid(), nullable=True),
        sa.Column("sub", sa.String(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["application_id"], ["applications.id"], name=op.f("storages_application_id_fkey")),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name=op.f("storages_contract_id_fkey")),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name=op.f("storages_library_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("storages_pkey")),
    )
    op.create_index(op.f("storages_library_id_idx"), "storages", ["library_id"], unique=False)
    op.create_table(
        "usage_counts",
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("month", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("files_read", sa.BigInteger(), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("files_received", sa.BigInteger(), nullable=False),
        sa.Column("bytes_received", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name=op.f("usage_counts_contract_id_fkey")),
        sa.PrimaryKeyConstraint("contract_id", "month", name=op.f("usage_counts_pkey")),
    )
    op.create_table(
        "usage_people",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("month", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name=op.f("usage_people_contract_id_fkey")),
        sa.ForeignKeyConstraint(
            ["library_id"], ["libraries.id"], name=op.f("usage_people_library_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("library_id", "contract_id", "month", name=op.f("usage_people_pkey")),
    )
    op.create_index(op.f("usage_people_month_contract_id_idx"), "usage_people", ["month", "contract_id"], unique=False)
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name=op.f("webhook_endpoints_contract_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_endpoints_pkey")),
    )
    op.create_index(op.f("webhook_endpoints_contract_id_idx"), "webhook_endpoints", ["contract_id"], unique=False)
    op.create_table(
        "archives",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("journey_id", sa.Uuid(), nullable=True),
        sa.Column("blob", sa.String(), nullable=False),
        sa.Column("sealed_key", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("imported", sa.Boolean(), nullable=False),
        sa.Column("was_read", sa.Boolean(), nullable=False),
        sa.Column("age", sa.String(), nullable=True),
        sa.Column("sealed_upload", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["journey_id"], ["journeys.id"], name=op.f("archives_journey_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["library_id", "account_id"],
            ["accounts.library_id", "accounts.id"],
            name=op.f("archives_library_id_account_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("library_id", "id", name=op.f("archives_pkey")),
    )
    op.create_index(op.f("archives_blob_idx"), "archives", ["blob"], unique=False)
    op.create_index(op.f("archives_journey_id_idx"), "archives", ["journey_id"], unique=False)
    op.create_index(op.f("archives_library_id_account_id_idx"), "archives", ["library_id", "account_id"], unique=False)
    op.create_table(
        "authorization_codes",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("challenge", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("family_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["library_id", "consent_id"],
            ["consents.library_id", "consents.id"],
            name=op.f("authorization_codes_library_id_consent_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("library_id", "code_hash", name=op.f("authorization_codes_pkey")),
    )
    op.create_index(op.f("authorization_codes_expires_at_idx"), "authorization_codes", ["expires_at"], unique=False)
    op.create_index(
        op.f("authorization_codes_library_id_consent_id_idx"),
        "authorization_codes",
        ["library_id", "consent_id"],
        unique=False,
    )
    op.create_table(
        "consent_accounts",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["library_id", "account_id"],
            ["accounts.library_id", "accounts.id"],
            name=op.f("consent_accounts_library_id_account_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["library_id", "consent_id"],
            ["consents.library_id", "consents.id"],
            name=op.f("consent_accounts_library_id_consent_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("library_id", "consent_id", "account_id", name=op.f("consent_accounts_pkey")),
    )
    op.create_index(
        op.f("consent_accounts_library_id_account_id_idx"),
        "consent_accounts",
        ["library_id", "account_id"],
        unique=False,
    )
    op.create_table(
        "postboxes",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("sealed_private_key", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name=op.f("postboxes_contract_id_fkey")),
        sa.ForeignKeyConstraint(
            ["library_id", "consent_id"],
            ["consents.library_id", "consents.id"],
            name=op.f("postboxes_library_id_consent_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("library_id", "id", name=op.f("postboxes_pkey")),
    )
    op.create_index(op.f("postboxes_id_idx"), "postboxes", ["id"], unique=False)
    op.create_index(
        op.f("postboxes_library_id_consent_id_idx"), "postboxes", ["library_id", "consent_id"], unique=False
    )
    op.create_table(
        "previews",
        sa.Column("journey_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("sync_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["journey_id"], ["journeys.id"], name=op.f("previews_journey_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["library_id", "sync_id"],
            ["syncs.library_id", "syncs.id"],
            name=op.f("previews_library_id_sync_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("journey_id", "account_id", "library_id", name=op.f("previews_pkey")),
    )
    op.create_index(op.f("previews_library_id_sync_id_idx"), "previews", ["library_id", "sync_id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("contract_id", sa.String(), nullable=False),
        sa.Column("consent_id", sa.Uuid(), nullable=True),
        sa.Column("options", postgresql.JSONB(), nullable=False),
        sa.Column("sealed_criteria", sa.LargeBinary(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contract_id"], ["contracts.id"], name=op.f("sessions_contract_id_fkey")),
        sa.ForeignKeyConstraint(
            ["library_id", "consent_id"],
            ["consents.library_id", "consents.id"],
            name=op.f("sessions_library_id_consent_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("library_id", "id", name=op.f("sessions_pkey")),
    )
    op.create_index(op.f("sessions_expires_at_idx"), "sessions", ["expires_at"], unique=False)
    op.create_index(op.f("sessions_key_hash_library_id_idx"), "sessions", ["key_hash", "library_id"], unique=False)
    op.create_index(op.f("sessions_library_id_consent_id_idx"), "sessions", ["library_id", "consent_id"], unique=False)
    op.create_table(
        "stored_files",
        sa.Column("storage_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(collation="C"), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("blob", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["storage_id"], ["storages.id"], name=op.f("stored_files_storage_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("storage_id", "key", name=op.f("stored_files_pkey")),
    )
    op.create_index(op.f("stored_files_blob_idx"), "stored_files", ["blob"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("use", sa.String(), nullable=False),
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("family_id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["library_id", "consent_id"],
            ["consents.library_id", "consents.id"],
            name=op.f("tokens_library_id_consent_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("library_id", "token_hash", name=op.f("tokens_pkey")),
    )
    op.create_index(op.f("tokens_expires_at_idx"), "tokens", ["expires_at"], unique=False)
    op.create_index(op.f("tokens_library_id_consent_id_idx"), "tokens", ["library_id", "consent_id"], unique=False)
    op.create_index(op.f("tokens_library_id_family_id_idx"), "tokens", ["library_id", "family_id"], unique=False)
    op.create_table(
        "webhook_messages",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("endpoint_id", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["webhook_endpoints.id"],
            name=op.f("webhook_messages_endpoint_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_messages_pkey")),
    )
    op.create_index(op.f("webhook_messages_created_at_idx"), "webhook_messages", ["created_at"], unique=False)
    op.create_index(op.f("webhook_messages_endpoint_id_idx"), "webhook_messages", ["endpoint_id"], unique=False)
    op.create_index(
        "webhook_messages_held_idx",
        "webhook_messages",
        ["endpoint_id"],
        unique=False,
        postgresql_where="held_at IS NOT NULL",
    )
    op.create_table(
        "session_syncs",
        sa.Column("library_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("sync_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["library_id", "session_id"],
            ["sessions.library_id", "sessions.id"],
            name=op.f("session_syncs_library_id_session_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["library_id", "sync_id"],
            ["syncs.library_id", "syncs.id"],
            name=op.f("session_syncs_library_id_sync_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("library_id", "session_id", "sync_id", name=op.f("session_syncs_pkey")),
    )
    op.create_index(
        op.f("session_syncs_library_id_sync_id_idx"), "session_syncs", ["library_id", "sync_id"], unique=False
    )


def downgrade() -> None:
    """Drop every table."""
    op.drop_index(op.f("session_syncs_library_id_sync_id_idx"), table_name="session_syncs")
    op.drop_table("session_syncs")
    op.drop_index("webhook_messages_held_idx", table_name="webhook_messages", postgresql_where="held_at IS NOT NULL")
    op.drop_index(op.f("webhook_messages_endpoint_id_idx"), table_name="webhook_messages")
    op.drop_index(op.f("webhook_messages_created_at_idx"), table_name="webhook_messages")
    op.drop_table("webhook_messages")
    op.drop_index(op.f("tokens_library_id_family_id_idx"), table_name="tokens")
    op.drop_index(op.f("tokens_library_id_consent_id_idx"), table_name="tokens")
    op.drop_index(op.f("tokens_expires_at_idx"), table_name="tokens")
    op.drop_table("tokens")
    op.drop_index(op.f("stored_files_blob_idx"), table_name="stored_files")
    op.drop_table("stored_files")
    op.drop_index(op.f("sessions_library_id_consent_id_idx"), table_name="sessions")
    op.drop_index(op.f("sessions_key_hash_library_id_idx"), table_name="sessions")
    op.drop_index(op.f("sessions_expires_at_idx"), table_name="sessions")
    op.drop_table("sessions")
    op.drop_index(op.f("previews_library_id_sync_id_idx"), table_name="previews")
    op.drop_table("previews")
    op.drop_index(op.f("postboxes_library_id_consent_id_idx"), table_name="postboxes")
    op.drop_index(op.f("postboxes_id_idx"), table_name="postboxes")
    op.drop_table("postboxes")
    op.drop_index(op.f("consent_accounts_library_id_account_id_idx"), table_name="consent_accounts")
    op.drop_table("consent_accounts")
    op.drop_index(op.f("authorization_codes_library_id_consent_id_idx"), table_name="authorization_codes")
    op.drop_index(op.f("authorization_codes_expires_at_idx"), table_name="authorization_codes")
    op.drop_table("authorization_codes")
    op.drop_index(op.f("archives_library_id_account_id_idx"), table_name="archives")
    op.drop_index(op.f("archives_journey_id_idx"), table_name="archives")
    op.drop_index(op.f("archives_blob_idx"), table_name="archives")
    op.drop_table("archives")
    op.drop_index(op.f("webhook_endpoints_contract_id_idx"), table_name="webhook_endpoints")
    op.drop_table("webhook_endpoints")
    op.drop_index(op.f("usage_people_month_contract_id_idx"), table_name="usage_people")
    op.drop_table("usage_people")
    op.drop_table("usage_counts")
    op.drop_index(op.f("storages_library_id_idx"), table_name="storages")
    op.drop_table("storages")
    op.drop_index(op.f("references_expires_at_idx"), table_name="references")
    op.drop_table("references")
    op.drop_index(op.f("pushed_files_blob_idx"), table_name="pushed_files")
    op.drop_table("pushed_files")
    op.drop_index(op.f("journeys_library_id_idx"), table_name="journeys")
    op.drop_index(op.f("journeys_expires_at_idx"), table_name="journeys")
    op.drop_table("journeys")
    op.drop_index(op.f("consents_id_idx"), table_name="consents")
    op.drop_index(op.f("consents_contract_id_idx"), table_name="consents")
    op.drop_table("consents")
    op.drop_index("syncs_unfinished_key", table_name="syncs", postgresql_where="finished_at IS NULL")
    op.drop_table("syncs")
    op.drop_index(op.f("files_library_id_account_id_object_type_idx"), table_name="files")
    op.drop_index(op.f("files_blob_idx"), table_name="files")
    op.drop_table("files")
    op.drop_index(op.f("contracts_application_id_idx"), table_name="contracts")
    op.drop_table("contracts")
    op.drop_index(op.f("recovery_codes_code_hash_idx"), table_name="recovery_codes")
    op.drop_table("recovery_codes")
    op.drop_table("receipts")
    op.drop_index(op.f("providers_searched_idx"), table_name="providers", postgresql_using="gin")
    op.drop_index(op.f("providers_list_name_idx"), table_name="providers")
    op.drop_table("providers")
    op.drop_table("passkeys")
    op.drop_index(op.f("merges_other_id_idx"), table_name="merges")
    op.drop_table("merges")
    op.drop_index(op.f("library_partners_sub_idx"), table_name="library_partners")
    op.drop_table("library_partners")
    op.drop_index(op.f("former_libraries_log_id_idx"), table_name="former_libraries")
    op.drop_index(op.f("former_libraries_id_idx"), table_name="former_libraries")
    op.drop_table("former_libraries")
    op.drop_index(op.f("exports_blob_idx"), table_name="exports")
    op.drop_table("exports")
    op.drop_table("browsers")
    op.drop_table("applications")
    op.drop_table("accounts")
    op.drop_table("unjournaled")
    op.drop_table("source_uses")
    op.drop_table("signing_keys")
    op.drop_table("server_clients")
    op.drop_table("provider_lists")
    op.drop_index(op.f("passkey_challenges_expires_at_idx"), table_name="passkey_challenges")
    op.drop_table("passkey_challenges")
    op.drop_table("partners")
    op.drop_index(op.f("nonces_expires_at_idx"), table_name="nonces")
    op.drop_table("nonces")
    op.drop_index(op.f("libraries_log_id_idx"), table_name="libraries")
    op.drop_table("libraries")
    op.drop_table("keys_to_destroy")
    op.drop_table("hint_keys")
    op.drop_table("clock_readings")
    op.drop_table("certificate_authorities")
    op.drop_index(op.f("call_counts_minute_idx"), table_name="call_counts")
    op.drop_table("call_counts")
    op.drop_table("blobs_to_delete")
    op.drop_table("audit_heads")
    op.drop_index("audit_entries_waiting_idx", table_name="audit_entries", postgresql_where="number IS NULL")
    op.drop_index(op.f("audit_entries_log_id_created_at_idx"), table_name="audit_entries")
    op.drop_table("audit_entries")
    op.drop_table("alerts")
