"""The app in Django."""
