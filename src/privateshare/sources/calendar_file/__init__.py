"""Calendars that people export as iCalendar files."""
