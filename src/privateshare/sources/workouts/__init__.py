"""Workouts in the files that devices and apps write: FIT, GPX, TCX and KML."""
