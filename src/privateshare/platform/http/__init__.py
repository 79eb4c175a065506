"""What surrounds every request: its id, its limits, its body, the answer to an error."""
