"""Mail that people export as mbox files or single messages."""
