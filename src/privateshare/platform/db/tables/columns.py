"""The base class of all tables, the types of their columns, and what their columns have in common."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ARRAY, DateTime, ForeignKeyConstraint, LargeBinary, MetaData, String, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from privateshare.protocol.choice import Choice
from privateshare.protocol.contract_document import ContractDocument, parse_document
from privateshare.protocol.messages import SessionOptions

NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}


class ContractDocumentColumn(TypeDecorator[ContractDocument]):
    """The column type of a contract document, which is stored as the JSON object that was received."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: ContractDocument | None, _dialect: Dialect) -> Mapping[str, Any] | None:
        """Convert a document to the JSON that is stored."""
        return None if value is None else value.raw

    def process_result_value(self, value: Mapping[str, Any] | None, _dialect: Dialect) -> ContractDocument | None:
        """Parse the stored JSON. Raises ConfigurationError if it is invalid: then nothing may be read under it."""
        return None if value is None else parse_document(value)


class SessionOptionsColumn(TypeDecorator[SessionOptions]):
    """The options of a session, parsed as they are loaded. Protocol 5.1."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: SessionOptions | None, _dialect: Dialect) -> Mapping[str, Any] | None:
        """Write the options as they came."""
        return None if value is None else value.to_wire()

    def process_result_value(self, value: Mapping[str, Any] | None, _dialect: Dialect) -> SessionOptions | None:
        """Parse the options."""
        return None if value is None else SessionOptions.model_validate(value)


class ChoiceColumn(TypeDecorator[Choice]):
    """The column type of what a person chose to share."""

    impl = JSONB
    cache_ok = True

    def process_bind_param(self, value: Choice | None, _dialect: Dialect) -> Mapping[str, Any] | None:
        """Convert a choice to the JSON that is stored."""
        return None if value is None else value.to_json()

    def process_result_value(self, value: Mapping[str, Any] | None, _dialect: Dialect) -> Choice | None:
        """Parse the stored JSON. Raises ValueError if it is invalid: then nothing may be read under it."""
        return None if value is None else Choice.from_json(value)


class Base(DeclarativeBase):
    """The base class of all tables, with the names of constraints and the SQL types of Python types."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        bytes: LargeBinary,
        str: String,
        dict[str, Any]: JSONB,
        ContractDocument: ContractDocumentColumn,
        SessionOptions: SessionOptionsColumn,
        Choice: ChoiceColumn,
        list[str]: ARRAY(String),
    }


def created() -> Mapped[datetime]:
    """Declare the column with the time at which a row was created."""
    return mapped_column(server_default=func.clock_timestamp())


def erased_with(columns: list[str], owner: list[Any]) -> ForeignKeyConstraint:
    """Let rows be erased with what they belong to."""
    return ForeignKeyConstraint(columns, owner, ondelete="CASCADE")
