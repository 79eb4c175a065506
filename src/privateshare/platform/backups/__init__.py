"""Backups of a whole platform: making, restoring and verifying them, and moving a platform to other stores."""
