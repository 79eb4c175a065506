"""The app in FastAPI."""
