"""What a platform that runs keeps on its disk."""

import os
from pathlib import Path

from privateshare.platform.runtime import Platform


def files_below(folder: Path) -> set[Path]:
    """Every file, no sockets; the platform writes and sweeps meanwhile, and what goes meanwhile is passed over."""
    found = (Path(root) / name for root, _, names in os.walk(folder) for name in names)
    return {path for path in found if path.is_file()}


def blobs(platform: Platform, below: str) -> set[Path]:
    return files_below(platform.settings.data / "blobs" / below)
