"""The sources that people's data comes from. Each has its own package."""
