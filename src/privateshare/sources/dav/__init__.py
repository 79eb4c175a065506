"""The sources calendar server (CalDAV) and address book server (CardDAV)."""
