"""The common parts of the three web apps: settings, pages, and the analysis of files."""
