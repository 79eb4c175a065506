"""Apple Health: the export of the Health app on an iPhone."""
