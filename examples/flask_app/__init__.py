"""The app in Flask."""
