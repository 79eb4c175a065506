"""The sources for the export of the Health app on an iPhone."""
