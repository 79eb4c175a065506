"""Files that were read: how they are received, checked and named on this machine."""
