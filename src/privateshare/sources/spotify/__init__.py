"""Spotify: listening history, and what a person follows and saves."""
