"""Reading all files of a session: the file list is polled, and download workers fetch several files at a time."""
