"""Files as `read_file` gives them, for tests of tables."""

import json

from privateshare import File, FileMetadata

PLAYS = "18_5_19_1_406_D202601_1.json"
RECORD = "18_2_9001_1_132_D202601_1.json"


def file(name: str, content: object, updated: int = 1, user: str | None = None, **metadata: object) -> File:
    """A file as `read_file` gives it."""
    data = json.dumps(content).encode()
    return File(name, FileMetadata.model_validate(metadata), len(data), updated, data, user=user)
