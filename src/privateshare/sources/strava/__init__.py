"""Strava: the export of all activities that people can request."""
