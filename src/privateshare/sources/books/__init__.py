"""Goodreads and StoryGraph: the libraries of readers, as tables."""
