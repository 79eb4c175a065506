"""What the three web apps have in common: their settings, their pages, what they find in people's files."""
