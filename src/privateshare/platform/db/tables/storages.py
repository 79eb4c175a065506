"""The storages for files that apps encrypt themselves."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from privateshare.platform.db.tables.applications import ApplicationRow, ContractRow
from privateshare.platform.db.tables.columns import Base, created
from privateshare.platform.db.tables.libraries import LibraryRow


class StorageRow(Base):
    """A storage for an application's own encrypted files. Consent can tie it to a person. Protocol 11.

    `sub` is that of the consents that it is found by: another one than the library's if the library was merged.
    """

    __tablename__ = "storages"
    id: Mapped[str] = mapped_column(primary_key=True)
    application_id: Mapped[str] = mapped_column(ForeignKey(ApplicationRow.id))
    contract_id: Mapped[str] = mapped_column(ForeignKey(ContractRow.id))
    library_id: Mapped[UUID | None] = mapped_column(ForeignKey(LibraryRow.id, ondelete="CASCADE"), index=True)
    sub: Mapped[str | None]
    created_at: Mapped[datetime] = created()


class StoredFileRow(Base):
    """A file in a storage, as the client encrypted it. `key` is the path in lower case, by which paths are compared.

    `created_at` is when its content was uploaded: a file that replaces another one gets a new time.
    """

    __tablename__ = "stored_files"
    storage_id: Mapped[str] = mapped_column(ForeignKey(StorageRow.id, ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(collation="C"), primary_key=True)
    id: Mapped[UUID] = mapped_column(default=uuid4)
    path: Mapped[str]
    blob: Mapped[str] = mapped_column(index=True)
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = created()
