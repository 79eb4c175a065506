"""Good archives for the contract of sources."""

from tests.archives import tracks

GOOD_ARCHIVES = {9020: tracks}
FOREIGN = "is damaged, or was not downloaded"
