"""The source Withings."""
