"""Fitbit and Google Fit: the export of Fitbit, and the folders of both in Google Takeout."""
