"""Archives that wait to be imported, without what would be in their blobs."""

from hashlib import sha256
from uuid import uuid4

from privateshare.platform.keys.wrapping import new_data_key
from privateshare.platform.library.archives import StoredArchive
from privateshare.platform.library.libraries import OpenLibrary
from privateshare.platform.library.read_exports import ExportFile, ExportSummary
from privateshare.sources.contract import Identity
from privateshare.sources.failures import LeftOut


def stored_archive(library: OpenLibrary, content: bytes = b"content") -> StoredArchive:
    """Describe an export that was read, with these objects and a blob that is not in the store."""
    summary = ExportSummary(Identity("ann", "ann"), LeftOut(), {}, sha256(content).digest())
    file = ExportFile(sha256(b"file with " + content).digest(), summary)
    return StoredArchive(library.blob(uuid4()), new_data_key(), file, was_read=True)
