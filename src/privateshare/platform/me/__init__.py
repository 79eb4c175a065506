"""The pages on which a person sees what they share, and stops it."""
