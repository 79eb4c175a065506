"""Garmin: the export of an account, with its summaries as JSON and the files of its devices as FIT."""
