"""The source mail server (IMAP)."""
