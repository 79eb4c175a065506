"""The pages of a journey, with a module for each."""
